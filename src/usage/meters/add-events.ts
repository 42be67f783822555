import { newId } from '../../platform/ids.ts';
import type { MeterReport } from './report.ts';
import type { NewEntry } from '../perform.ts';

/**
 * Returns SQL that adds reports to the events of their minutes, in the transaction that writes the usage. An
 * event that was sealed keeps its value, so what comes later is in another event. `$1` is the present.
 *
 * @param rows the parameter with the rows of {@link toMeterEvent}.
 */
export function addMeterEventsSql(rows: string): string {
  return `
  insert into meter_events (
    id, project_id, uid, feature_code, event_name, at, value, created_at, next_attempt_at)
  select min(id), project_id, uid, feature_code, event_name, at, sum(units), $1,
    greatest($1, at + interval '1 minute')
  from jsonb_to_recordset(${rows}::jsonb) as m (
    id text, project_id text, uid bigint, feature_code text, event_name text, at timestamptz, units bigint)
  group by project_id, uid, feature_code, event_name, at
  having sum(units) <> 0
  on conflict (uid, feature_code, event_name, at) where sealed_at is null
    do update set value = meter_events.value + excluded.value`;
}

/** Returns a report as a row for {@link addMeterEventsSql}. */
export function toMeterEvent(entry: NewEntry, { at, eventName, units }: MeterReport): object {
  return {
    ...{ id: newId('um'), project_id: entry.projectId, uid: String(entry.uid) },
    ...{ feature_code: entry.featureCode, event_name: eventName },
    ...{ at: new Date(at).toISOString(), units },
  };
}
