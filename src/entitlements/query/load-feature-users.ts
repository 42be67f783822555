import { notACursor } from '../../http/schemas.ts';
import type { Database } from '../../platform/database.ts';
import { answerAt } from '../core/answer.ts';
import type { FeatureValue } from '../core/facts.ts';
import { presentOf } from '../core/present.ts';
import type { ReadInstant } from './load-explanation.ts';
import { segmentOf, type SegmentRow, segmentSourcesSql } from './segment-rows.ts';

/** A user who may use a feature, with the value and the unbroken period around the requested instant. */
export interface FeatureUser {
  userId: string;
  value: FeatureValue;
  /** ISO 8601. */
  validFrom: string | null;
  /** ISO 8601; null if it has no end. */
  validTo: string | null;
}

type Row = SegmentRow & { user_id: string; recorded_at: Date };

/**
 * Loads the users of a project who may use a feature at an instant, oldest users first. The query reads one
 * range of an index, so its cost does not depend on the number of users. For the users on the page it loads
 * the whole timeline of the feature, because the period must match `GET /entitlements`.
 *
 * @param after the last user of the previous page.
 * @throws ProblemError bad_request if `after` is not a user.
 */
export async function loadFeatureUsers(
  database: Database,
  feature: { projectId: string; featureCode: string },
  { at, now }: ReadInstant,
  { after, take }: { after: string | undefined; take: number },
): Promise<FeatureUser[]> {
  const { projectId, featureCode } = feature;
  const afterUid = after === undefined ? '0' : await loadUid(database, projectId, after);
  const instant = at ?? now;
  const isPresent = at === undefined;
  const { rows } = await database.pool.query<Row>(
    `with page as (
       select uid from entitlement_segments
       where project_id = $1 and feature_code = $2 and superseded_at is null and allowed and uid > $3
         and valid_from <= greatest($4, case when $6 then recorded_at end)
         and coalesce(valid_to, 'infinity') > greatest($4, case when $6 then recorded_at end)
       order by uid limit $5
     )
     select u.user_id, s.feature_code, s.feature_type, s.reason, s.value,
       case when s.feature_type = 'metered' then ${segmentSourcesSql} else s.sources end as sources,
       s.valid_from, s.valid_to, s.recorded_at
     from page
     join users u on u.uid = page.uid
     join entitlement_segments s on s.project_id = $1 and s.feature_code = $2 and s.uid = page.uid
       and s.superseded_at is null and s.allowed
     order by u.uid`,
    [projectId, featureCode, afterUid, new Date(instant), take, isPresent],
  );
  const byUser = Map.groupBy(rows, (row) => row.user_id);
  return [...byUser].flatMap(([userId, ofUser]) => {
    const identity = { projectId, userId, revision: 0 };
    const recordedAt = Math.max(...ofUser.map((row) => row.recorded_at.getTime()));
    const read = isPresent ? presentOf({ recordedAt }, instant) : instant;
    const { entitlements } = answerAt(identity, ofUser.map(segmentOf), read).body;
    return entitlements.map(({ value, valid_from: validFrom, valid_to: validTo }) => ({
      userId,
      value,
      validFrom,
      validTo,
    }));
  });
}

async function loadUid(database: Database, projectId: string, userId: string): Promise<string> {
  const { rows } = await database.pool.query<{ uid: string }>(
    'select uid from users where project_id = $1 and user_id = $2',
    [projectId, userId],
  );
  const [row] = rows;
  if (row === undefined) throw notACursor();
  return row.uid;
}
