import type { ProjectScope } from '../auth/project-access.ts';
import {
  lostDisputeStatuses,
  returnedRefundStatuses,
  sqlStatuses,
} from '../entitlements/core/stripe-statuses.ts';
import type { Database } from '../platform/database.ts';
import { groupByProject } from './by-project.ts';
import type { CurrencySum } from './core/figures.ts';
import type { ReportWindow } from './core/movement.ts';
import { invoiceOwner, invoiceProject, ofProject, sessionProject } from './owners.ts';

/** SQL condition that a row `i` of invoices is revenue. */
const paidInvoice = `i.status = 'paid' and i.amount_paid > 0`;

/** SQL condition that a row `cs` of checkout_sessions is a one-off payment. */
const paidSession = `cs.mode = 'payment' and cs.status = 'complete' and cs.payment_status = 'paid'
  and cs.amount_total > 0`;

/**
 * SQL condition that a row `cs` of checkout_sessions has no invoice as its receipt. The `limit` in the
 * subquery makes Postgres look up each payment instead of scanning all of them.
 */
const withoutReceipt = `
  not exists (select from invoices i where i.id = cs.invoice_id and ${paidInvoice})
  and (select i.id from invoice_payments ip join invoices i on i.id = ip.invoice_id
       where ip.payment_intent_id = cs.payment_intent_id and ${paidInvoice} limit 1) is null`;

/**
 * Returns SQL for the project of a payment intent's revenue: that of the receipt or, if no receipt names the
 * payment, that of the checkout.
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
 * Returns SQL that sums `amount` by project and currency. `offset 0` keeps Postgres from re-evaluating the
 * project subquery for every condition.
 */
function summed(kind: CurrencySum['kind'], rows: string): string {
  return `
    select project_id, '${kind}' as kind, currency, sum(amount) as amount
    from (${rows} offset 0) ${kind} group by project_id, currency`;
}

/** Returns SQL for the payments returned in [$2, $3), from the rows `back` of refunds or disputes. */
function returnedPayments(table: 'refunds' | 'disputes', statuses: readonly string[]): string {
  const intentId = 'coalesce(back.payment_intent_id, ch.payment_intent_id)';
  return `
    select ${paymentProject(intentId)} as project_id, back.currency, back.amount
    from ${table} back left join charges ch on ch.id = back.charge_id
    where back.created_at >= $2 and back.created_at < $3
      and coalesce(back.known_status, back.status) in (${sqlStatuses(statuses)})`;
}

/**
 * SQL for revenue and returned payments in [$2, $3), by project, kind and currency. A one-off payment is
 * dated by when its money arrived, as recorded in its purchases. A lost dispute is dated by when it was
 * opened.
 */
const revenueSums = `
  select project_id, kind, currency, sum(amount)::text as amount
  from (
    ${summed(
      'gross',
      `select ${invoiceProject} as project_id, i.currency, i.amount_paid as amount
       from invoices i ${invoiceOwner}
       where ${paidInvoice} and i.paid_at >= $2 and i.paid_at < $3`,
    )}
    union all
    ${summed(
      'gross',
      `select ${sessionProject} as project_id, cs.currency, cs.amount_total as amount
       from checkout_sessions cs
       where cs.id in (
           select session_id from purchases where purchased_at >= $2 and purchased_at < $3)
         and ${paidSession} and ${withoutReceipt}`,
    )}
    union all
    ${summed('refunded', returnedPayments('refunds', returnedRefundStatuses))}
    union all
    ${summed('disputed', returnedPayments('disputes', lostDisputeStatuses))}
  ) money
  where project_id is not null and ${ofProject('project_id')} and amount > 0
  group by project_id, kind, currency`;

/**
 * SQL for the numbers of failed and recovered invoices in [$2, $3), by project. The two halves use different
 * indexes.
 */
const paymentCounts = `
  select project_id, sum(failed)::int as failed, sum(recovered)::int as recovered
  from (
    select ${invoiceProject} as project_id, failed, recovered
    from (
      select id, subscription_id, customer_id, 1 as failed, 0 as recovered from invoices
      where payment_failed and finalized_at >= $2 and finalized_at < $3
      union all
      select id, subscription_id, customer_id, 0, 1 from invoices
      where payment_failed and status = 'paid' and paid_at >= $2 and paid_at < $3
    ) i ${invoiceOwner}
    offset 0
  ) of_projects
  where project_id is not null and ${ofProject('project_id')}
  group by project_id`;

interface SumRow {
  project_id: string;
  kind: CurrencySum['kind'];
  currency: string;
  amount: string;
}

/** Loads revenue and returned payments in the window, by project. */
export async function loadRevenue(
  database: Database,
  scope: ProjectScope,
  { from, to }: ReportWindow,
): Promise<Map<string, CurrencySum[]>> {
  const { rows } = await database.pool.query<SumRow>(revenueSums, [
    scope,
    new Date(from),
    new Date(to),
  ]);
  return groupByProject(rows, ({ kind, currency, amount }) => ({
    kind,
    currency,
    amount: BigInt(amount),
  }));
}

/**
 * Loads, by project, how many invoices finalized in the window had a failed payment, and how many invoices were
 * paid in the window after a failed payment.
 */
export async function loadPaymentCounts(
  database: Database,
  scope: ProjectScope,
  { from, to }: ReportWindow,
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
