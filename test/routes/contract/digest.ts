import type { TestService } from '../../helpers/service.ts';

/** The rows that operators change, by table, without derived data and records of use. */
const columns = {
  projects: `to_jsonb(projects) - 'catalog_revision'`,
  api_keys: 'id, project_id, name, hash, scopes, expires_at, deleted_at',
  features:
    'project_id, code, name, type, merge, per_quantity, meter_event, meter_report, archived_at',
  products: 'id, project_id, rank, allow_multiple, group_name',
  prices: 'id, access_days, rank',
  product_features: 'product_id, feature_code, value',
  price_features: 'price_id, feature_code, value',
  customers: 'id, uid, email is null',
  purchases: 'id, uid, attached_uid',
  grants: 'id, uid, feature_code, value, valid_from, valid_to, ended_at, reason',
  revocations: 'id, uid, feature_code, valid_from, valid_to, lifted_at, reason',
  users: 'uid, erased_at is null',
  link_runs: 'id, project_id, reason, pairs',
  webhook_events: 'number, payload is null',
  reconciliation_runs: 'id, status',
  webhook_endpoints:
    'id, url, description, types, status, disabled_reason, secret, position, deleted_at',
  webhook_deliveries: 'id, status, next_attempt_at',
  wanted: 'object_type, object_id, wanted',
} as const;

const digestSql = Object.entries(columns).map(
  ([table, names]) =>
    `(select md5(coalesce(string_agg(r::text, '' order by r::text), '')) from (` +
    `select ${names} from ${table === 'wanted' ? 'followed_objects' : table}) r) as ${table}`,
);

/** A digest of each table that operators change. */
export async function digestTables(service: TestService): Promise<Record<string, string>> {
  const { rows } = await service.deps.database.pool.query<Record<string, string>>(
    `select ${digestSql.join(', ')}`,
  );
  return rows[0] ?? {};
}
