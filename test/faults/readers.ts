import { z } from 'zod';
import { askOnce } from './client.ts';
import type { Crowd } from './crowd.ts';
import { type Answer, featureCodes } from './oracle.ts';

const entitlementsShape = z.object({
  entitlements: z.array(z.object({ feature_code: z.string(), value: z.unknown() })),
});
const checkShape = z.object({ value: z.unknown() });

/** Returns the values in a body with all entitlements, such as that of `GET /entitlements`. */
export function wholeAnswer(body: unknown): Answer {
  const { entitlements } = entitlementsShape.parse(body);
  const valueOf = (code: string): unknown =>
    entitlements.find(({ feature_code: each }) => each === code)?.value ?? null;
  return {
    export: valueOf('export'),
    notebooks: valueOf('notebooks'),
    beta: valueOf('beta'),
    club: valueOf('club'),
  };
}

/** Reads a user's entitlements as an app does, all or one feature, and lets the oracle judge the answer. */
export async function read(crowd: Crowd): Promise<void> {
  const { url, shop } = crowd.place;
  const user = crowd.pickReader();
  const code = crowd.random() < 0.5 ? crowd.pick(featureCodes) : null;
  const path =
    code === null
      ? `/api/v1/entitlements?user_id=${user.id}`
      : `/api/v1/entitlements/check?user_id=${user.id}&feature_code=${code}`;
  const told = await askOnce(url, { method: 'GET', path, key: shop.appKey });
  if (told.status !== 200) return;
  const answer =
    code === null ? wholeAnswer(told.body) : { [code]: checkShape.parse(told.body).value };
  crowd.judge(user, told, answer);
}
