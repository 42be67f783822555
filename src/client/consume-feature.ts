import type { Consumption, Hold } from './core/consumption.ts';
import {
  type Gate,
  orThrow,
  type Refusal,
  refusalOf,
  signInRequired,
  type UserId,
  userIdOf,
} from './refusal.ts';

/** What the middlewares need of a client. */
export interface Consumer {
  consume(userId: string, feature: never, amount: number): Promise<Consumption>;
  hold(
    userId: string,
    feature: never,
    amount: number,
    options: { expiresInSeconds: number },
  ): Promise<Hold>;
  reverse(entryId: string, reason: string): Promise<unknown>;
}

/** How many units a request uses. */
export type AmountOf<Request> = number | ((request: Request) => number | Promise<number>);

export interface ConsumeFeatureOptions<Request> {
  /** Returns the user's id; undefined, null or '' without a signed-in user. */
  user: (request: Request) => UserId | Promise<UserId>;
  /**
   * What happens to the units if the route responds with a status of 400 or above: `return` (default) gives them
   * back, `keep` does not.
   */
  onFailure?: 'return' | 'keep';
  /**
   * Holds the units instead of consuming them, for this time, at most 3,600 seconds. The route settles what it
   * really used with `hold.settle`; otherwise its response settles the whole amount.
   */
  holdSeconds?: number;
}

/** The units of a request, and how to end it. */
export interface Consumed {
  /** Undefined if the request has no user, or its units are held. */
  consumption: Consumption | undefined;
  hold: Hold | undefined;
  /** Null if the request may pass. */
  refusal: Refusal | null;
  /**
   * Ends a request that passed: settles the hold, or gives the units back if the request failed.
   *
   * @param status the status of the response; null if the user closed the connection before it.
   * @throws what the client reports as `unsettled`.
   */
  end: (status: number | null) => Promise<void>;
}

/**
 * Consumes or holds units for a middleware. The refusal is that of `requireFeature`; a 402 also if too little is
 * left.
 *
 * @throws Error if the feature does not exist or Latchkey refused to count it, as of `requireFeature`.
 */
export async function consumeFeature<Request>(
  client: Consumer,
  request: Request,
  [feature, amount]: readonly [string, AmountOf<Request>],
  options: ConsumeFeatureOptions<Request>,
): Promise<Consumed> {
  const gate: Gate = { middleware: 'consumeFeature', feature };
  const user = userIdOf(await options.user(request), gate);
  if (user === undefined) {
    return { ...nothing, refusal: signInRequired(gate) };
  }
  const units = typeof amount === 'number' ? amount : await amount(request);
  const code = feature as never; // the middleware's own type holds it
  const isKept = options.onFailure === 'keep';
  const { holdSeconds: expiresInSeconds } = options;
  if (expiresInSeconds === undefined) {
    const consumption = await orThrow('count', gate, client.consume(user, code, units));
    return {
      ...{ consumption, hold: undefined, refusal: refusalUnlessAllowed(consumption, feature) },
      async end(status) {
        if (consumption.entryId === null || isKept || !isFailure(status)) return;
        await client.reverse(consumption.entryId, `The request failed with ${status}.`);
      },
    };
  }
  const hold = await orThrow('count', gate, client.hold(user, code, units, { expiresInSeconds }));
  let isEnded = false;
  const once = (end: (used?: number) => ReturnType<Hold['settle']>) => (used?: number) => {
    isEnded = true;
    return end(used);
  };
  return {
    consumption: undefined,
    hold: { ...hold, settle: once(hold.settle), release: once(hold.release) },
    refusal: refusalUnlessAllowed(hold, feature),
    async end(status) {
      if (isEnded) return;
      await (isFailure(status) && !isKept ? hold.release() : hold.settle(units));
    },
  };
}

const nothing = {
  consumption: undefined,
  hold: undefined,
  end: () => Promise.resolve(),
};

/** A user who closes the connection early pays: the work is done. */
function isFailure(status: number | null): status is number {
  return status !== null && status >= 400;
}

function refusalUnlessAllowed(found: Consumption | Hold, feature: string): Refusal | null {
  return found.allowed ? null : refusalOf(found, feature);
}
