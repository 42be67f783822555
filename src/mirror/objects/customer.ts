import type Stripe from 'stripe';
import { instant, ownerMetadata } from '../core/from-stripe.ts';
import type { CustomerRow } from '../core/rows.ts';
import { type FollowedObject, upsertOf, whereIn } from './followed-object.ts';

export const customer: FollowedObject<'customer'> = {
  async fetch(stripe, snapshot, id) {
    const shown = await stripe.customers.retrieve(id);
    if (shown.deleted !== true && (shown.test_clock ?? null) !== null) {
      snapshot.onTestClock.push(id);
    }
    snapshot.customer.push(customerRow(shown));
  },
  links: () => ({}),
  async store(tx, { id, email, deleted, createdAt }) {
    if (deleted) {
      await tx.customer.updateMany({
        where: { id },
        data: { deleted: true, email: null, isPrimary: false },
      });
      return [];
    }
    if (createdAt === null)
      throw new Error(`customer ${id} is not deleted but has no creation date`);
    await tx.customer.upsert(upsertOf({ id, email, createdAt }));
    return [];
  },
  /** For an erased user, returns Stripe's e-mail address, so that the erasure does not count as a difference. */
  async load(tx, shown) {
    const rows = await tx.customer.findMany({
      ...whereIn(shown),
      include: { user: { select: { erasedAt: true } } },
    });
    const emails = new Map(shown.map(({ id, email }) => [id, email]));
    return rows.map(({ user, ...row }) => {
      const erased = user !== null && user.erasedAt !== null;
      return erased ? { ...row, email: emails.get(row.id) ?? null } : row;
    });
  },
  ofCustomer: null,
};

export function customerRow(customer: Stripe.Customer | Stripe.DeletedCustomer): CustomerRow {
  if (customer.deleted === true) {
    return {
      id: customer.id,
      email: null,
      deleted: true,
      metadataProjectId: null,
      metadataUserId: null,
      createdAt: null,
    };
  }
  return {
    id: customer.id,
    email: customer.email,
    deleted: false,
    ...ownerMetadata(customer.metadata),
    createdAt: instant(customer.created),
  };
}
