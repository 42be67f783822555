import { expect } from 'vitest';
import { at, text } from '../helpers/json.ts';
import { rowsOf } from '../helpers/lists.ts';
import type { Shop } from '../helpers/shop.ts';

/* The steps of scenarios. Instants are epoch milliseconds. */

export const hour = 3_600_000;
export const day = 24 * hour;

/** The features of the shop's products. */
export const pro = { export: true, notebooks: 10 };
export const team = { export: true, notebooks: 'unlimited', theme: { dark: true } };
export const pass = { export: true };
export const forever = { theme: { dark: false } };

/** Returns metadata that name the user. */
export function ownedBy(shop: Shop, userId: string): Record<string, string> {
  return { project_id: shop.projectId, user_id: userId };
}

/** Returns the id in a field, expanded or not. */
export function idOf(reference: string | { id: string } | null): string {
  const found = required(reference);
  return typeof found === 'string' ? found : found.id;
}

/** Returns the value; throws if there is none. */
export function required<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('there is none');
  return value;
}

/** Changes the project's catalog as an operator, and recomputes its users. */
export async function put(shop: Shop, path: string, body: object): Promise<void> {
  const answer = await shop.service.request('PUT', `/admin/${path}`, { key: shop.key, body });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
}

/** Changes the project's policy while `work` runs. */
export async function withPolicy(
  shop: Shop,
  settings: Record<string, unknown>,
  work: () => Promise<void>,
): Promise<void> {
  await setPolicy(shop, settings);
  try {
    await work();
  } finally {
    await setPolicy(shop, {
      grace_days: 7,
      refund_full: 'revoke',
      refund_partial: 'keep',
      dispute_opened: 'keep',
    });
  }
}

/** Changes the project's policy, and recomputes its users. */
export async function setPolicy(shop: Shop, settings: Record<string, unknown>): Promise<void> {
  const answer = await shop.service.request('PATCH', `/admin/projects/${shop.projectId}`, {
    key: shop.key,
    body: { settings },
  });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
}

/** Checks the answer that an app would get now: the values by feature code. */
export async function expectAccess(shop: Shop, userId: string, expected: object): Promise<void> {
  expect(await shop.entitled(userId)).toEqual(expected);
}

/** Returns what the user may use at an instant, as known now: the values by feature code. */
export async function accessAt(
  shop: Shop,
  userId: string,
  instant: number,
): Promise<Record<string, unknown>> {
  const { body } = await shop.service.request(
    'GET',
    `/entitlements?user_id=${userId}&at=${new Date(instant).toISOString()}`,
    { key: shop.key },
  );
  return Object.fromEntries(
    rowsOf(body, 'entitlements').map((row) => [text(row, 'feature_code'), at(row, 'value')]),
  );
}

/**
 * Checks that the user has `before` until the last millisecond, and `after` from the instant on, without an
 * event.
 */
export async function expectChangeAt(
  shop: Shop,
  userId: string,
  instant: number,
  { before, after = {} }: { before: object; after?: object },
): Promise<void> {
  shop.service.clock.set(instant - 1);
  await expectAccess(shop, userId, before);
  shop.service.clock.set(instant);
  await expectAccess(shop, userId, after);
}
