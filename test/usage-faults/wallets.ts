import { z } from 'zod';
import type { Api } from '../../src/dev/api.ts';
import { askPatiently } from '../faults/patience.ts';
import { projectId } from '../faults/shop.ts';

/** The metered feature that everyone uses. */
export const featureCode = 'credits';

/** Users, each of whom has the same units of one feature. */
export interface Wallets {
  users: string[];
  /** The units of each user. */
  granted: number;
  /** The service, called with a key of the scopes `usage` and `read`. */
  app: Api;
}

const userCount = 200;

/**
 * The average units of a consume (`amountOf`) is 2. So the users have three quarters of what they ask for, and
 * the last consumes are denied.
 */
const share = 1.5;

const anything = z.unknown();

/** Creates the feature, a key, and users with a monthly amount and a top-up. */
export async function openWallets(api: Api, consumes: number): Promise<Wallets> {
  const admin = '/api/v1/admin';
  const feature = { project_id: projectId, name: 'Credits', type: 'metered' };
  await askPatiently(
    api,
    { method: 'PUT', path: `${admin}/features/${featureCode}`, body: feature },
    { status: 200, shape: anything },
  );
  const users = Array.from({ length: userCount }, (_, number) => `spender_${number}`);
  const granted = Math.floor((consumes * share) / userCount);
  const topUp = Math.floor(granted / 3);
  const values = [{ amount: granted - topUp, every: 'month' }, { amount: topUp }];
  for (const value of values) {
    const grants = users.map((user) => ({ user_id: user, feature_code: featureCode, value }));
    await askPatiently(
      api,
      {
        method: 'POST',
        path: `${admin}/grants/bulk`,
        body: { project_id: projectId, grants, reason: 'A start' },
      },
      { status: 200, shape: anything },
    );
  }
  const { key } = await askPatiently(
    api,
    {
      method: 'POST',
      path: `${admin}/projects/${projectId}/keys`,
      body: { name: 'spenders', scopes: ['usage', 'read'] },
    },
    { status: 201, shape: z.object({ key: z.string() }) },
  );
  return { users, granted, app: { ...api, key } };
}
