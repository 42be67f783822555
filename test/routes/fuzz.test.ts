import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { text } from '../helpers/json.ts';
import { adminKey, requestTo, webhookSecret } from '../helpers/service.ts';
import { type CheckAnswer, loadAnswerCheck } from './contract/answer-schemas.ts';
import { arbitraryAsk, type Pools } from './contract/arbitrary-request.ts';
import { type ContractRoute, loadContract } from './contract/document.ts';
import { arbitraryIds, stockPools } from './contract/pools.ts';
import { type Answer, type Ask, codeOf, send } from './contract/route-sample.ts';
import { sampleOf } from './contract/samples.ts';
import { startWorld, type World } from './contract/world.ts';

/*
 * Random requests, valid and nearly so, to every operation of the OpenAPI document, by every kind of
 * caller. `npm run test:fuzz` runs ten minutes of other ones each time; FUZZ_SEED repeats a run.
 */

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 20);
const seed = Number(process.env['FUZZ_SEED'] ?? (seconds > 20 ? Date.now() % 2 ** 31 : 20_261_130));

/** What no response may contain: internals and secrets. */
const internals = [
  /\bprisma\b/i,
  /\bat .*\.(ts|js):\d+/,
  /\bselect .* from /i,
  /postgres(ql)?:\/\//,
  /ECONN|EPIPE/,
  new RegExp([adminKey, webhookSecret, 'sk_test_123'].join('|')),
];

let world: World;
let routes: ContractRoute[];
let pools: Pools;
let checkAnswer: CheckAnswer;
let keys: Record<Caller, string | undefined>;
/** The codes of features that were created in the project `other`. */
const ownFeatures = new Set<string>();

const callers = [
  'nobody',
  'unknown',
  'token',
  'read',
  'checkout',
  'notes',
  'platform',
  'other',
] as const;
type Caller = (typeof callers)[number];

beforeAll(async () => {
  world = await startWorld();
  routes = await loadContract(world.service);
  pools = await stockPools(world);
  checkAnswer = await loadAnswerCheck(world.service);
  const token = await requestTo(world.app)('POST', '/user-tokens', {
    key: world.key,
    body: { user_id: world.ids.user, ttl_seconds: 3_600 },
  });
  keys = {
    nobody: undefined,
    unknown: 'lk_of_nobody',
    token: text(token.body, 'token'),
    read: (await world.keyOf(['read'])).key,
    checkout: (await world.keyOf(['checkout'])).key,
    notes: world.key,
    platform: adminKey,
    other: world.otherKey,
  };
}, 120_000);
afterAll(() => world.close());

describe('every operation of the contract, for any request and caller', () => {
  it(
    'answers as documented, without a fault of its own, and tells nothing internal or of another project',
    async () => {
      const answered = new Set<string>();
      let asked = 0;
      const request = fc.oneof(
        ...routes.map((route) =>
          fc.record({
            name: fc.constant(route.name),
            ask: arbitraryAsk(route, sampleOf(route.name), arbitraryIds(world, pools), pools),
            by: fc.oneof(
              { weight: 2, arbitrary: fc.constantFrom(...callers) },
              { weight: 1, arbitrary: fc.constant('notes' as const) },
            ),
          }),
        ),
      );
      const property = fc.asyncProperty(request, async ({ name, ask, by }) => {
        const route = routeOf(name);
        world.service.clock.advance(1_000);
        const answer = await send(world.app, route, ask, keys[by]);
        asked += 1;
        answered.add(`${route.name} ${answer.status < 400 ? 'done' : 'refused'}`);
        const isOfOther = by === 'other' || JSON.stringify(ask).includes('"project_id":"other"');
        if (isOfOther && answer.status === 200 && route.method === 'PUT') {
          ownFeatures.add(ask.params?.['feature_code'] ?? '');
        }
        expect(faultsOf(route, ask, by, answer), `by ${by}: ${answer.text}`).toEqual([]);
      });
      await fc.assert(property, {
        seed,
        numRuns: seconds * 1_000,
        interruptAfterTimeLimit: seconds * 1_000,
      });
      // Else the requests reach too little for this to say anything. A slow machine makes fewer of them.
      const done = routes.filter(({ name }) => answered.has(`${name} done`));
      if (asked >= routes.length * 20) expect(done.length).toBeGreaterThan(routes.length / 2);
    },
    (seconds + 60) * 1_000,
  );
});

function routeOf(name: string): ContractRoute {
  const route = routes.find((each) => each.name === name);
  if (route === undefined) throw new Error(`${name} is no route`);
  return route;
}

function faultsOf(route: ContractRoute, ask: Ask, by: Caller, answer: Answer): string[] {
  const { status, text, type } = answer;
  const faults: string[] = [];
  if (status >= 500 && status !== 502 && status !== 503) faults.push(`answers ${status}`);
  const undocumented = checkAnswer(route, answer);
  if (undocumented !== null) faults.push(undocumented);
  if (status >= 400) {
    if (!type.startsWith('application/problem+json')) faults.push(`an error as ${type}`);
    const code = codeOf(answer);
    const codes: (string | undefined)[] = route.codes;
    if (!codes.includes(code)) faults.push(`the code ${code} is not documented`);
  }
  for (const inside of internals) if (inside.test(text)) faults.push(`holds ${String(inside)}`);
  if (by === 'other') {
    // A response may repeat the request; it may contain nothing else of `notes`.
    const asked = JSON.stringify(ask);
    const foreign = [...ownFeatures].reduce((rest, code) => rest.replaceAll(`"${code}"`, ''), text);
    for (const [kind, id] of Object.entries<string>({ ...world.ids })) {
      if (foreign.includes(id) && !asked.includes(id)) faults.push(`tells the ${kind} of notes`);
    }
  }
  return faults;
}
