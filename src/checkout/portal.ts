import { choosePayingCustomer } from '../entitlements/core/paying-customer.ts';
import { loadUserCustomers } from '../entitlements/customers.ts';
import type { UserName } from '../entitlements/users.ts';
import { ProblemError } from '../http/problem.ts';
import { sql } from '../platform/database.ts';
import type { CustomerDeps } from './customer.ts';
import { askStripe, isMissing } from './stripe-answer.ts';

/**
 * Opens the billing portal for the customer through which the user pays (`choosePayingCustomer`). Uses the
 * project's portal configuration if it has one.
 *
 * @param repeatId the same for every repetition of the request. Stripe returns the same session as long as
 *   the customer and the configuration stay the same.
 * @throws ProblemError customer_not_found if the user has no customer or it no longer exists in Stripe,
 *   stripe_unavailable.
 */
export async function openPortal(
  deps: CustomerDeps,
  user: UserName,
  returnUrl: string,
  repeatId: string | null,
): Promise<{ id: string; url: string }> {
  const { prisma } = deps.database;
  const customers = await loadUserCustomers(
    prisma,
    sql`u.project_id = ${user.projectId} and u.user_id = ${user.userId}`,
  );
  const customer = choosePayingCustomer(customers);
  if (customer === null) throw noCustomer();
  const { portalConfigurationId: configuration } = await prisma.project.findUniqueOrThrow({
    where: { id: user.projectId },
    select: { portalConfigurationId: true },
  });
  return askStripe(deps.logger, 'billingPortal.sessions.create', async () => {
    try {
      const { id, url } = await deps.stripe.billingPortal.sessions.create(
        {
          customer: customer.id,
          return_url: returnUrl,
          ...(configuration === null ? {} : { configuration }),
        },
        // Stripe rejects a repeated key with different parameters, and the customer or the configuration may
        // have changed.
        repeatId === null
          ? {}
          : { idempotencyKey: `latchkey-portal-${repeatId}-${customer.id}-${configuration}` },
      );
      return { id, url };
    } catch (error) {
      if (isMissing(error, 'customer')) throw noCustomer();
      throw error;
    }
  });
}

function noCustomer(): ProblemError {
  return new ProblemError('customer_not_found', undefined, [
    {
      path: 'user_id',
      message:
        'has no Stripe customer: open a checkout, which creates one, or link one with POST /api/v1/admin/users/{user_id}/customers',
    },
  ]);
}
