import type { Prisma } from '../../../src/generated/prisma/client.ts';
import type { Database } from '../../../src/platform/database.ts';

/** Rows of the mirror, by the names in the database, each after those that it refers to. */
export interface Tables {
  users: Prisma.UserCreateManyInput[];
  customers: Prisma.CustomerCreateManyInput[];
  subscriptions: Prisma.SubscriptionCreateManyInput[];
  subscription_items: Prisma.SubscriptionItemCreateManyInput[];
  subscription_discounts: Prisma.SubscriptionDiscountCreateManyInput[];
  invoices: Prisma.InvoiceCreateManyInput[];
  invoice_payments: Prisma.InvoicePaymentCreateManyInput[];
  checkout_sessions: Prisma.CheckoutSessionCreateManyInput[];
  purchases: Prisma.PurchaseCreateManyInput[];
  charges: Prisma.ChargeCreateManyInput[];
  refunds: Prisma.RefundCreateManyInput[];
  disputes: Prisma.DisputeCreateManyInput[];
  grants: Prisma.GrantCreateManyInput[];
  entitlement_segments: Prisma.EntitlementSegmentCreateManyInput[];
}

export const noRows = (): Tables => ({
  users: [],
  customers: [],
  subscriptions: [],
  subscription_items: [],
  subscription_discounts: [],
  invoices: [],
  invoice_payments: [],
  checkout_sessions: [],
  purchases: [],
  charges: [],
  refunds: [],
  disputes: [],
  grants: [],
  entitlement_segments: [],
});

export async function insertAll(database: Database, tables: Tables): Promise<void> {
  for (const [table, rows] of Object.entries<readonly object[]>({ ...tables }))
    await insert(database, table, rows);
}

/** All rows in one statement: many small ones would take longer than all that is tested. */
async function insert(database: Database, table: string, rows: readonly object[]): Promise<void> {
  const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, '_$&').toLowerCase();
  const named = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [snakeCase(name), toJson(value)]),
    ),
  );
  const columns = [...new Set(named.flatMap((row) => Object.keys(row)))].join(', ');
  await database.pool.query(
    `insert into ${table} (${columns})
     select ${columns} from jsonb_populate_recordset(null::${table}, $1::jsonb)`,
    [JSON.stringify(named)],
  );
}

function toJson(value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
