import type { Database } from '../platform/database.ts';
import type { CurrencySum } from './figures.ts';
import type { Window } from './movement.ts';
import { invoiceOwner, invoiceProject, ofProject, sessionProject } from './owners.ts';
import { grouped, type Scope } from './scope.ts';

/** Whether a row `i` of invoices is revenue. */
const paidInvoice = `i.status = 'paid' and i.amount_paid > 0`;

/** Whether a row `cs` of checkout_sessions is a one-off payment. */
const paidSession = `cs.mode = 'payment' and cs.status = 'complete' and cs.payment_status = 'paid'
  and cs.amount_total > 0`;

/** Whether no invoice tells of a row `cs` of checkout_sessions already, as its receipt. */
const withoutReceipt = `
  not exists (select from invoices i where i.id = cs.invoice_id and ${paidInvoice})
  and not exists (
    select from invoice_payments ip join invoices i on i.id = ip.invoice_id
    where ip.payment_intent_id = cs.payment_intent_id and ${paidInvoice})`;

/** The status of a row of refunds or disputes; where nobody knows what it means, the last that was known. */
function knownStatus(row: 'r' | 'd'): string {
  return `coalesce(${row}.known_status, ${row}.status)`;
}

/**
 * The project of what was paid with a payment intent, if that is revenue: whether a receipt tells of it or
 * the checkout does, since a receipt need not name its payment.
 */
function paymentProject(intentId: string): string {
  return `coalesce(
    (select ${invoiceProject}
     from invoice_payments ip join invoices i on i.id = ip.invoice_id ${invoiceOwner}
     where ip.payment_intent_id = ${intentId} and ${paidInvoice} order by i.id limit 1),
    (select ${sessionProject} from checkout_sessions cs
     where cs.payment_intent_id = ${intentId} and ${paidSession} order by cs.id limit 1))`;
}

/**
 * Sums of what came in and went back over [$2, $3), by project, kind and currency. A one-off payment came
 * in when it was charged, which its purchases tell; a lost dispute took its money when it was opened.
 * Materialized, since whose a row is would otherwise be looked up again for each condition on it.
 */
const revenueSums = `
  with money as materialized (
    select ${invoiceProject} as project_id, 'gross' as kind, i.currency, i.amount_paid as amount
    from invoices i ${invoiceOwner}
    where ${paidInvoice} and i.paid_at >= $2 and i.paid_at < $3
    union all
    select ${sessionProject}, 'gross', cs.currency, cs.amount_total
    from checkout_sessions cs
    where cs.id in (select session_id from purchases where purchased_at >= $2 and purchased_at < $3)
      and ${paidSession} and ${withoutReceipt}
    union all
    select ${paymentProject('coalesce(r.payment_intent_id, ch.payment_intent_id)')}, 'refunded', r.currency, r.amount
    from refunds r left join charges ch on ch.id = r.charge_id
    where r.created_at >= $2 and r.created_at < $3
      and ${knownStatus('r')} in ('succeeded', 'pending', 'requires_action')
    union all
    select ${paymentProject('coalesce(d.payment_intent_id, ch.payment_intent_id)')}, 'disputed', d.currency, d.amount
    from disputes d left join charges ch on ch.id = d.charge_id
    where d.created_at >= $2 and d.created_at < $3 and ${knownStatus('d')} = 'lost'
  )
  select project_id, kind, currency, sum(amount)::text as amount
  from money
  where project_id is not null and ${ofProject('project_id')} and amount > 0
  group by project_id, kind, currency`;

/** How many invoices failed and were recovered over [$2, $3), by project. */
const paymentCounts = `
  with failures as materialized (
    select ${invoiceProject} as project_id,
      (i.finalized_at >= $2 and i.finalized_at < $3)::int as failed,
      (i.status = 'paid' and i.paid_at >= $2 and i.paid_at < $3)::int as recovered
    from invoices i ${invoiceOwner}
    where i.payment_failed and (
      (i.finalized_at >= $2 and i.finalized_at < $3)
      or (i.status = 'paid' and i.paid_at >= $2 and i.paid_at < $3))
  )
  select project_id, sum(failed)::int as failed, sum(recovered)::int as recovered
  from failures
  where project_id is not null and ${ofProject('project_id')}
  group by project_id`;

interface SumRow {
  project_id: string;
  kind: CurrencySum['kind'];
  currency: string;
  amount: string;
}

/** What came in and went back over the window, by project. */
export async function loadRevenue(
  database: Database,
  scope: Scope,
  { from, to }: Window,
): Promise<Map<string, CurrencySum[]>> {
  const { rows } = await database.pool.query<SumRow>(revenueSums, [
    scope,
    new Date(from),
    new Date(to),
  ]);
  return grouped(rows, ({ kind, currency, amount }) => ({
    kind,
    currency,
    amount: BigInt(amount),
  }));
}

/** Invoices of which a payment failed, and which were paid after all, over the window, by project. */
export async function loadPaymentCounts(
  database: Database,
  scope: Scope,
  { from, to }: Window,
): Promise<Map<string, { failed: number; recovered: number }>> {
  const { rows } = await database.pool.query<{
    project_id: string;
    failed: number;
    recovered: number;
  }>(paymentCounts, [scope, new Date(from), new Date(to)]);
  return new Map(
    rows.map(({ project_id: projectId, failed, recovered }) => [projectId, { failed, recovered }]),
  );
}
