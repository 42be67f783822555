import { z } from 'zod';
import { isoInstant, isoInstantSchema } from '../http/schemas.ts';
import { type Database, sql, type Sql } from '../platform/database.ts';

export const purchaseSchema = z
  .strictObject({
    id: z.string().describe("The line item's id in Stripe"),
    user_id: z.string().nullable().describe("`null` for a guest's unclaimed purchase"),
    attached: z.boolean().describe('Whether an operator assigned the purchase'),
    stripe_session_id: z.string(),
    stripe_payment_intent_id: z.string().nullable(),
    stripe_product_id: z.string(),
    stripe_price_id: z.string(),
    quantity: z.int(),
    amount: z.int().describe('The amount paid for the line, in minor units'),
    currency: z.string(),
    purchased_at: isoInstantSchema,
  })
  .meta({ id: 'Purchase' });
type PurchaseDto = z.infer<typeof purchaseSchema>;

/** A row of `columns`. */
export interface PurchaseRow extends Omit<PurchaseDto, 'amount' | 'purchased_at'> {
  amount: bigint;
  purchased_at: Date;
}

interface PurchaseFilter {
  userId: string | undefined;
  sessionId: string | undefined;
  /** Whether to load only unclaimed purchases (`true`) or only claimed ones (`false`); undefined for both. */
  unclaimed: boolean | undefined;
}

const columns = sql`
  p.id, u.user_id, p.attached_uid is not null as attached, p.session_id as stripe_session_id,
  p.payment_intent_id as stripe_payment_intent_id, p.product_id as stripe_product_id,
  p.price_id as stripe_price_id, p.quantity, p.amount, p.currency, p.purchased_at`;

/**
 * Loads the purchases of a project's users and the guests' purchases of the project's products, ordered by
 * id.
 */
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

/** Returns the condition on the owner. Filtering by user excludes purchases by guests, which have no user. */
function byClaim(
  unclaimed: boolean | undefined,
  userId: string | undefined,
  claimed: Sql,
  guests: Sql,
): Sql {
  if (unclaimed === true) return userId === undefined ? guests : sql`false`;
  return unclaimed === false || userId !== undefined ? claimed : sql`(${claimed} or ${guests})`;
}

/** Returns the query for all of a user's purchases, newest first. */
export function userPurchases(uid: bigint): Sql {
  return sql`
    select ${columns} from purchases p join users u on u.uid = p.uid
    where p.uid = ${uid} order by p.purchased_at desc, p.id`;
}

export function toPurchaseDto(row: PurchaseRow): PurchaseDto {
  return { ...row, amount: Number(row.amount), purchased_at: isoInstant(row.purchased_at) };
}
