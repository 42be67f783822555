import { type Load, repeated } from './load.ts';
import type { Comparison } from './comparison.ts';
import { featureName, userName } from './seed.ts';
import type { Subject } from './subject.ts';

/**
 * The evaluation of one feature. The protocol requires POST, and reading a body costs Fastify more than some
 * of the service's own work. So the evaluation is compared with `check`, a GET that answers the same, and with
 * the floor of `check` as a POST. The last comparison shows what POST alone costs.
 *
 * @param check the same answer from `GET /entitlements/check`.
 * @param getFloor the floor of `check`.
 */
export function ofrepComparisons(
  { authorization, body, floors, service }: Subject,
  check: Load,
  getFloor: Load,
): Comparison[] {
  const post = {
    method: 'POST' as const,
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ context: { targetingKey: userName(1) } }),
  };
  const evaluation = repeated(service, {
    ...post,
    path: `/ofrep/v1/evaluate/flags/${featureName(1)}`,
    right: {
      status: 200,
      body: `{"key":"${featureName(1)}","value":100,"reason":"TARGETING_MATCH","variant":"granted","metadata":{"reason":"granted","revision":1}}`,
    },
  });
  const postFloor = repeated(floors, { ...post, path: '/redis', right: { status: 200, body } });
  const id = 'ofrep';
  return [
    {
      ...{ id, name: 'OpenFeature evaluation', target: 0.75, service: evaluation },
      ...{ floorName: 'Fastify + body + one Redis GET', floor: postFloor },
    },
    {
      ...{ id, name: 'the same', target: 0.9, service: evaluation },
      ...{ floorName: 'check of the service', floor: check },
    },
    {
      ...{ id, name: 'POST, without the service', target: null, service: postFloor },
      ...{ floorName: 'Fastify + one Redis GET', floor: getFloor },
    },
  ];
}
