import { recordAudit } from '../audit/record.ts';
import type { Operator } from '../auth/project-access.ts';
import { askStripe } from '../checkout/stripe-answer.ts';
import { readFresh } from '../entitlements/read/read-entitlements.ts';
import type { UserName } from '../entitlements/users.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import type { KeepAnswer } from '../http/idempotency.ts';
import { type SyncDeps, syncObject } from '../mirror/sync.ts';
import { type Payment, paymentOf } from './core/invoice-preview.ts';
import type { ChangedDto } from './schemas.ts';
import { fetchLive, type LiveSubscription } from './stripe-subscription.ts';
import { toSubscriptionDto } from './subscription-dto.ts';

/** The caller of a change: the user's project and id, and who asks. */
export interface Asker {
  user: UserName;
  operator: Operator;
}

/** What is recorded and answered of a change that Stripe has made. */
interface MadeChange {
  action: `subscription.${'change' | 'cancel' | 'resume'}`;
  asker: Asker;
  subscriptionId: string;
  /** What was asked, for the audit log. */
  asked: Prisma.InputJsonObject;
  /** Returns whether the subscription's last invoice is that of the change. */
  isInvoiceOf: (live: LiveSubscription) => boolean;
  /** What remains to be done once the change is stored. */
  afterSync?: () => Promise<void>;
}

/**
 * Applies what Stripe shows after a change, records it, and returns the answer. All later reads show the
 * change.
 */
export async function answerChange(
  deps: SyncDeps,
  change: MadeChange,
  keep: KeepAnswer<ChangedDto>,
): Promise<ChangedDto> {
  const { asker, subscriptionId: id } = change;
  await askStripe(deps.logger, 'subscriptions.retrieve', () =>
    syncObject(deps, { objectType: 'subscription', objectId: id }),
  );
  await change.afterSync?.();
  const live = await fetchLive(deps, id);
  const invoice = change.isInvoiceOf(live) ? live.latestInvoice : null;
  const payment = paymentOf(invoice);
  const { projectId, userId } = asker.user;
  const { revision, entitlements } = await readFresh(deps, projectId, userId);
  const answer = {
    subscription: toSubscriptionDto(live),
    invoice_id: invoice?.id ?? null,
    payment: payment.payment,
    action_url: urlOf(payment),
    ...{ revision, entitlements },
  };
  await deps.database.transaction(async (tx) => {
    await recordAudit(tx, {
      ...asker.operator,
      userId,
      action: change.action,
      targetType: 'subscription',
      targetId: id,
      after: { ...change.asked, invoice_id: answer.invoice_id, payment: answer.payment },
      at: deps.clock(),
    });
    await keep(tx, answer);
  });
  return answer;
}

function urlOf(payment: Payment): string | null {
  return payment.payment === 'action_required' ? payment.actionUrl : null;
}
