import { z } from 'zod';
import { isoInstant, isoInstantSchema } from '../http/schemas.ts';
import { type Database, sql, type Sql } from '../platform/database.ts';

export const purchaseSchema = z
  .strictObject({
    id: z.string().describe("Stripe's id of the line item"),
    user_id: z.string().nullable().describe("`null` = a guest's unclaimed purchase"),
    attached: z.boolean().describe('Whether an operator assigned it'),
    stripe_session_id: z.string(),
    stripe_payment_intent_id: z.string().nullable(),
    stripe_product_id: z.string(),
    stripe_price_id: z.string(),
    quantity: z.int(),
    amount: z.int().describe('Paid for the line, in minor units'),
    currency: z.string(),
    purchased_at: isoInstantSchema,
  })
  .meta({ id: 'Purchase' });
export type PurchaseDto = z.infer<typeof purchaseSchema>;

export interface PurchaseRow {
  id: string;
  user_id: string | null;
  attached: boolean;
  session_id: string;
  payment_intent_id: string | null;
  product_id: string;
  price_id: string;
  quantity: number;
  amount: bigint;
  currency: string;
  purchased_at: Date;
}

export interface PurchaseFilter {
  userId: string | undefined;
  sessionId: string | undefined;
  /** True: only guests' unclaimed purchases. False: only claimed ones. Undefined: both. */
  unclaimed: boolean | undefined;
}

const columns = sql`
  p.id, u.user_id, p.attached_uid is not null as attached, p.session_id, p.payment_intent_id,
  p.product_id, p.price_id, p.quantity, p.amount, p.currency, p.purchased_at`;

/** Loads purchases of a project by id: those of its users, and guests' purchases of its products. */
export async function loadPurchases(
  database: Database,
  projectId: string,
  { userId, sessionId, unclaimed }: PurchaseFilter,
  page: { after: string | undefined; take: number },
): Promise<PurchaseDto[]> {
  const claimed = sql`p.uid in (
    select uid from users where project_id = ${projectId}
      and ${userId === undefined ? sql`true` : sql`user_id = ${userId}`})`;
  const guests = sql`p.uid is null and p.product_id in (
    select id from products where project_id = ${projectId})`;
  const rows = await database.prisma.$queryRaw<PurchaseRow[]>`
    select ${columns} from purchases p left join users u on u.uid = p.uid
    where ${byClaim(unclaimed, userId, claimed, guests)}
      and ${sessionId === undefined ? sql`true` : sql`p.session_id = ${sessionId}`}
      and p.id > ${page.after ?? ''}
    order by p.id limit ${page.take}`;
  return rows.map(toPurchaseDto);
}

/** Returns the condition on the claim. A guest has no user, so a filter by user leaves guests out. */
function byClaim(
  unclaimed: boolean | undefined,
  userId: string | undefined,
  claimed: Sql,
  guests: Sql,
): Sql {
  if (unclaimed === true) return userId === undefined ? guests : sql`false`;
  return unclaimed === false || userId !== undefined ? claimed : sql`(${claimed} or ${guests})`;
}

/** Returns the query for all purchases of a user, the latest first. */
export function userPurchases(uid: bigint): Sql {
  return sql`
    select ${columns} from purchases p join users u on u.uid = p.uid
    where p.uid = ${uid} order by p.purchased_at desc, p.id`;
}

export function toPurchaseDto(row: PurchaseRow): PurchaseDto {
  return {
    id: row.id,
    user_id: row.user_id,
    attached: row.attached,
    stripe_session_id: row.session_id,
    stripe_payment_intent_id: row.payment_intent_id,
    stripe_product_id: row.product_id,
    stripe_price_id: row.price_id,
    quantity: row.quantity,
    amount: Number(row.amount),
    currency: row.currency,
    purchased_at: isoInstant(row.purchased_at),
  };
}
