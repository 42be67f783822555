import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ContractRoute, loadContract } from './contract/document.ts';
import { provoke } from './contract/provoke.ts';
import { codeOf } from './contract/route-sample.ts';
import { samples } from './contract/samples.ts';
import { startWorld, type World } from './contract/world.ts';

/*
 * Every status and every code of a problem that the OpenAPI document promises for a route is reached by
 * a request, and no other is. Success, and what a route's own `config.problems` names, come from the
 * samples; what all routes of a kind share is provoked in the same way for each of them.
 */

let world: World;
let routes: ContractRoute[];

beforeAll(async () => {
  world = await startWorld();
  routes = await loadContract(world.service);
});
afterAll(() => world.close());

const howToMend =
  'Give the route a request for it in test/routes/contract/samples (`problems` by code, `statuses`), or ' +
  'change what its `config.problems` promises.';

describe('the contract', () => {
  it('is kept by every route: what it promises is reached, and nothing else is answered', async () => {
    const faults: string[] = [];
    for (const route of routes) {
      const promised = new Set<unknown>([...route.statuses, ...route.codes]);
      const reached = new Set<unknown>();
      for (const answer of await provoke(world, route)) {
        const said = [answer.status, codeOf(answer)].filter((each) => each !== undefined);
        for (const each of said) reached.add(each);
        if (said.every((each) => promised.has(each))) continue;
        faults.push(`${route.name} answers, unpromised, ${answer.status} ${answer.text}`);
      }
      for (const each of promised) {
        if (!reached.has(each)) faults.push(`${route.name} promises ${String(each)}, not reached`);
      }
    }
    expect(faults, howToMend).toEqual([]);
  }, 60_000);

  it('has a sample of every route, and none of what is no route', () => {
    expect(Object.keys(samples).sort()).toEqual(routes.map(({ name }) => name).sort());
  });
});
