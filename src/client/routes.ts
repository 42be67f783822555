import type { components, paths } from './wire.ts';

type Json<Content> = Content extends { content: { 'application/json': infer Body } } ? Body : never;

/** The body that a route takes. */
export type BodyOf<
  Path extends keyof paths,
  Method extends keyof paths[Path] = 'post' & keyof paths[Path],
> = paths[Path][Method] extends { requestBody?: infer Body } ? Json<NonNullable<Body>> : never;

/** The body of a route's response. */
export type AnswerOf<
  Path extends keyof paths,
  Method extends keyof paths[Path] = 'get' & keyof paths[Path],
> = paths[Path][Method] extends { responses: infer Responses }
  ? Json<Responses[keyof Responses]>
  : never;

/** What a user may use, as the service returns it. */
export type Answer = components['schemas']['Entitlements'];

/** What a user has used and has left of a metered feature, as the service returns it. */
export type Usage = components['schemas']['Usage'];

/** A change of a user's entitlements, as the feed sends it. */
export type Change = components['schemas']['Change'];

/** What is for sale, for a pricing page. */
export type Catalog = AnswerOf<'/api/v1/catalog'>;
