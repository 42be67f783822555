import { expect } from 'vitest';
import { at, text } from '../../helpers/json.ts';
import { type Act, type Context, dayMs, hourMs, oneOf, pass, Refused } from './context.ts';
import { setClock } from './instances.ts';

/* The actions of operators, and of time. The project records what Stripe does not know. */

async function admin(
  { instance, project }: Context,
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await instance.request(method, `/admin/${path}`, {
    key: project.key,
    ...(body === undefined ? {} : { body }),
  });
  if (answer.status === 502) throw new Refused();
  if (answer.status > 299) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** An instant of an answer, epoch milliseconds: instances date what they record by clocks of their own. */
function instantIn(answer: unknown, ...path: string[]): number {
  return Date.parse(text(answer, ...path));
}

/** Checks the other instance's answer after a change that has returned. */
async function reasonElsewhere({ other, project, userId }: Context, featureCode: string) {
  const query = `user_id=${userId}&feature_code=${featureCode}`;
  const { body } = await other.request('GET', `/entitlements/check?${query}`, {
    key: project.key,
  });
  return text(body, 'reason');
}

function featureOf(context: Context) {
  const feature = oneOf(context, context.project.features);
  if (feature === undefined) throw new Error('a project has features');
  return feature;
}

/** Grants and revocations are numbered together, in the order in which they were recorded. */
function nextNumber({ project }: Context): number {
  return project.grants.length + project.revocations.length + 1;
}

async function grant(context: Context, later?: number): Promise<void> {
  const { world, project, userId, pick } = context;
  const { code: featureCode, type } = featureOf(context);
  const until = (later ?? world.clock.now()) + ((pick % 50) + 1) * 7 * hourMs;
  const validTo = pick % 3 === 0 ? null : until;
  const value = type === 'boolean' ? true : type === 'limit' ? (pick % 90) + 1 : 'by hand';
  const answer = await admin(context, 'POST', 'grant', {
    user_id: userId,
    feature_code: featureCode,
    value,
    ...(later === undefined ? {} : { valid_from: new Date(later).toISOString() }),
    ...(validTo === null ? {} : { valid_to: new Date(validTo).toISOString() }),
    reason: 'a history',
  });
  project.grants.push({
    id: text(answer, 'grant', 'id'),
    userId,
    featureCode,
    value,
    validFrom: instantIn(answer, 'grant', 'valid_from'),
    validTo,
    endedAt: null,
    number: nextNumber(context),
  });
  if (later === undefined) {
    expect(await reasonElsewhere(context, featureCode)).toBe('granted');
  }
}

async function revoke(context: Context, validTo: number | null): Promise<void> {
  const { project, userId, pick } = context;
  const block = pick % 3 === 0;
  const { code: featureCode } = featureOf(context);
  const answer = await admin(context, 'POST', 'revoke', {
    user_id: userId,
    feature_code: featureCode,
    ...(validTo === null ? {} : { valid_to: new Date(validTo).toISOString() }),
    ...(block ? { block } : {}),
    reason: 'a history',
  });
  project.revocations.push({
    id: text(answer, 'revocation', 'id'),
    userId,
    featureCode,
    validFrom: instantIn(answer, 'revocation', 'valid_from'),
    validTo,
    liftedAt: null,
    number: nextNumber(context),
    recordedAt: instantIn(answer, 'revocation', 'created_at'),
    block,
  });
  // A plain revocation spares later purchases, but nothing that was known.
  expect(at(answer, 'has_access')).toBe(false);
  if (block) expect(await reasonElsewhere(context, featureCode)).toBe('revoked');
}

export const operatorActs = {
  grant: (context) => grant(context),
  grant_later: (context) =>
    grant(context, context.world.clock.now() + ((context.pick % 30) + 1) * dayMs),
  end_grant: async (context) => {
    const { project, userId } = context;
    const open = project.grants.filter((one) => one.userId === userId && one.endedAt === null);
    const one = oneOf(context, open);
    if (one === undefined) return;
    const body = { grant_id: one.id, reason: 'a history' };
    const answer = await admin(context, 'POST', 'revoke', body);
    // One that was over stays as it is.
    if (at(answer, 'grant', 'ended_at') !== null) {
      one.endedAt = instantIn(answer, 'grant', 'ended_at');
    }
  },
  revoke: (context) => revoke(context, null),
  revoke_for_a_while: (context) =>
    revoke(context, context.world.clock.now() + ((context.pick % 20) + 1) * dayMs),
  lift_revocation: async (context) => {
    const { project, userId } = context;
    const one = oneOf(
      context,
      project.revocations.filter((each) => each.userId === userId && each.liftedAt === null),
    );
    if (one === undefined) return;
    const answer = await admin(context, 'DELETE', `revocations/${one.id}?reason=history`);
    if (at(answer, 'revocation', 'lifted_at') !== null) {
      one.liftedAt = instantIn(answer, 'revocation', 'lifted_at');
    }
  },
  remap_product: async (context) => {
    const { project, pick } = context;
    const carry = oneOf(context, Object.values(project.carries));
    if (carry === undefined) return;
    const features = { ...(pick % 2 === 0 ? { export: true } : {}), notebooks: (pick % 9) + 1 };
    const rank = pick % 5;
    await admin(context, 'PUT', `products/${carry.productId}`, {
      features,
      rank,
      allow_multiple: true,
    });
    project.carries[carry.priceId] = { ...carry, features, rank };
  },
  change_access_days: async (context) => {
    const { project, pick } = context;
    const { priceId } = project.prices.pass;
    const carry = project.carries[priceId];
    if (carry === undefined) return;
    const accessDays = (pick % 60) + 1;
    await admin(context, 'PUT', `prices/${priceId}`, { access_days: accessDays });
    project.carries[priceId] = { ...carry, accessDays };
  },
  change_policy: async (context) => {
    const { project, pick } = context;
    project.policy = {
      graceDays: pick % 15,
      refundFull: pick % 4 === 0 ? 'keep' : 'revoke',
      refundPartial: pick % 2 === 0 ? 'keep' : 'revoke',
      disputeOpened: pick % 3 === 0 ? 'suspend' : 'keep',
    };
    await admin(context, 'PATCH', `projects/${project.projectId}`, {
      settings: {
        grace_days: project.policy.graceDays,
        refund_full: project.policy.refundFull,
        refund_partial: project.policy.refundPartial,
        dispute_opened: project.policy.disputeOpened,
      },
    });
  },
  set_clock_back: ({ instance, pick }) => {
    setClock(instance, -((pick % 240) + 1) * 1_000);
    return Promise.resolve();
  },
  set_clock_forward: ({ instance, pick }) => {
    setClock(instance, ((pick % 240) + 1) * 1_000);
    return Promise.resolve();
  },
  hours_pass: (context) => pass(context, ((context.pick % 30) + 1) * hourMs + context.pick),
  days_pass: (context) => pass(context, ((context.pick % 20) + 1) * dayMs + context.pick),
} satisfies Record<string, Act>;
