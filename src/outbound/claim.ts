import type { Database } from '../platform/database.ts';
import type { MessageType } from './core/message.ts';
import type { PreviousSecret } from './secrets.ts';

/** Maximum number of concurrent attempts per endpoint, across all instances. */
const maxPerEndpoint = 4;

/**
 * Duration of a lease on a delivery, milliseconds: twice the time limit of an attempt. If the process is
 * killed, its deliveries can be claimed again once their leases have expired.
 */
const leaseMs = 30_000;

/** A delivery that this process may attempt until `leasedUntil`. */
export interface Claim {
  id: string;
  endpointId: string;
  projectId: string;
  url: string;
  secret: string;
  previousSecrets: PreviousSecret[];
  failingSince: Date | null;
  messageId: string;
  type: MessageType;
  data: { user_id: string; revision: number; recorded_at: string };
  createdAt: Date;
  dueAt: Date;
  tries: number;
  isFirst: boolean;
  leasedUntil: Date;
}

/** How many attempts this process may run. */
export interface Capacity {
  /** Maximum number of concurrent attempts. */
  max: number;
  /** The number of running attempts per project. */
  running: ReadonlyMap<string, number>;
}

/**
 * Claims due deliveries for attempts, those of each endpoint in the order in which they became due. Leaves
 * capacity for projects whose deliveries become due later, even if no endpoint responds.
 *
 * The SQL function `claim_deliveries` (prisma/migrations/20261130160000_signed_webhooks) serializes the claims
 * of all instances, so that together they respect the limit per endpoint.
 *
 * @param now epoch milliseconds.
 */
export async function claimDeliveries(
  { pool }: Database,
  now: number,
  { max, running }: Capacity,
): Promise<Claim[]> {
  const total = [...running.values()].reduce((sum, count) => sum + count, 0);
  if (total >= max) return [];
  const { rows } = await pool.query<Claim>(
    `select id, endpoint_id as "endpointId", project_id as "projectId", url, secret,
       previous_secrets as "previousSecrets", failing_since as "failingSince", message_id as "messageId",
       type, data, created_at as "createdAt", due_at as "dueAt", tries, is_first as "isFirst", $2 as "leasedUntil"
     from claim_deliveries($1, $2, $3, $4, $5)`,
    [
      new Date(now),
      new Date(now + leaseMs),
      maxPerEndpoint,
      max - total,
      JSON.stringify(Object.fromEntries(running)),
    ],
  );
  return rows;
}
