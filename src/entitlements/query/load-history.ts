import { instantSchema, notACursor } from '../../http/schemas.ts';
import type { Database } from '../../platform/database.ts';
import type { Segment } from '../core/facts.ts';
import type { UserName } from '../users.ts';
import { segmentOf, type SegmentRow, segmentSourcesSql } from './segment-rows.ts';

/** A segment as it was recorded; instants are epoch milliseconds. */
export interface RecordedSegment extends Segment {
  recordedAt: number;
  /** Null if the segment is live. */
  supersededAt: number | null;
}

type Row = SegmentRow & { recorded_at: Date; superseded_at: Date | null };

/** The position of a segment in its user's history, where it is unique. */
interface Position {
  recordedAt: string;
  featureCode: string;
  validFrom: string;
}

/** The position of a segment without a start; Postgres sorts it before every instant. */
const noStart = '-infinity';

/**
 * Loads the recorded segments of a user, live and superseded, latest change first. Within a change, segments
 * are in descending order of feature code, then of start.
 *
 * @param after the position of the last segment of the previous page, from `positionOf`.
 * @throws ProblemError bad_request if `after` is not a position.
 */
export async function loadHistory(
  database: Database,
  user: UserName,
  featureCode: string | undefined,
  { after, take }: { after: string | undefined; take: number },
): Promise<RecordedSegment[]> {
  const position = after === undefined ? null : parsePosition(after);
  const { rows } = await database.pool.query<Row>(
    `select s.feature_code, s.feature_type, s.reason, s.value, ${segmentSourcesSql} as sources,
       s.valid_from, s.valid_to, s.recorded_at, s.superseded_at
     from users u join entitlement_segments s on s.uid = u.uid
     where u.project_id = $1 and u.user_id = $2
       and ($3::text is null or s.feature_code = $3)
       and ($4::timestamptz is null or
         (s.recorded_at, s.feature_code, coalesce(s.valid_from, '-infinity')) < ($4, $5::text, $6::timestamptz))
     order by s.recorded_at desc, s.feature_code desc, coalesce(s.valid_from, '-infinity') desc
     limit $7`,
    [
      user.projectId,
      user.userId,
      featureCode ?? null,
      position?.recordedAt ?? null,
      position?.featureCode ?? null,
      position?.validFrom ?? null,
      take,
    ],
  );
  return rows.map((row) => ({
    ...segmentOf(row),
    recordedAt: row.recorded_at.getTime(),
    supersededAt: row.superseded_at?.getTime() ?? null,
  }));
}

/** Returns a segment's position in the history, from which the next page continues. */
export function positionOf({ recordedAt, featureCode, validFrom }: RecordedSegment): string {
  const from = validFrom === null ? noStart : new Date(validFrom).toISOString();
  return `${new Date(recordedAt).toISOString()} ${featureCode} ${from}`;
}

function parsePosition(text: string): Position {
  const [recordedAt = '', featureCode = '', validFrom = '', ...rest] = text.split(' ');
  const isInstant = (part: string) => instantSchema.safeParse(part).success;
  if (
    isInstant(recordedAt) &&
    (validFrom === noStart || isInstant(validFrom)) &&
    rest.length === 0
  ) {
    return { recordedAt, featureCode, validFrom };
  }
  throw notACursor();
}
