import type { Deps } from '../deps.ts';
import { featureNotFound } from '../http/not-found.ts';
import { isoInstant, lastInstant } from '../http/schemas.ts';
import { plainRef } from '../entitlements/core/segment-sources.ts';
import type { UserName } from '../entitlements/users.ts';
import { balanceOf, type Bucket, bucketsAt } from './core/balance.ts';
import { type LoadedUsage, loadUsage } from './load-usage.ts';
import { requireMetered, shown } from './perform.ts';
import type { UsageDto } from './schemas.ts';
import type { ReadUsage } from './usage-reader.ts';

export interface UsageReadDeps extends Pick<Deps, 'clock' | 'database'> {
  readUsage: ReadUsage;
}

/**
 * Returns the usage of a user's metered features: of those that the user may use at the instant, or of one
 * feature in any case.
 *
 * @param at epoch milliseconds; now by default. The usage is that of now.
 * @throws ProblemError `feature_not_found`, `feature_not_metered`.
 */
export async function loadUsageDtos(
  { clock, database, readUsage }: UsageReadDeps,
  user: UserName,
  featureCode: string | undefined,
  at: number | undefined,
): Promise<UsageDto[]> {
  if (featureCode === undefined) {
    const usages = await readUsage({ ...user, featureCode: null }, at);
    return usages.filter(({ reason }) => reason === 'granted').map(toUsageDto);
  }
  const [known] = await readUsage({ ...user, featureCode }, at);
  if (known !== undefined) return [toUsageDto(known)];
  const { projectId } = user;
  const names = [{ projectId, uid: null, featureCode }];
  const [usage] = await loadUsage(database.pool, names, [], { clock, at });
  if (usage?.feature === null || usage === undefined) {
    throw featureNotFound({ path: 'feature_code', isArchived: false });
  }
  requireMetered(usage);
  return [toUsageDto(usage)];
}

function toUsageDto({ at, facts, feature, featureCode }: LoadedUsage): UsageDto {
  const buckets = bucketsAt(facts, at);
  const { balance, granted, held, overage, resetsAt, used } = balanceOf(buckets);
  return {
    feature_code: featureCode,
    unit: feature?.unit ?? null,
    unlimited: facts.allowances === 'unlimited',
    granted: shown(granted),
    ...{ used, held, overage },
    balance: shown(balance),
    resets_at: endOf(resetsAt ?? Infinity),
    buckets: buckets.flatMap(toBucketDto),
  };
}

function toBucketDto(bucket: Bucket): UsageDto['buckets'] {
  const { amount, from, held, rolledOver, source, to, used } = bucket;
  if (source === null) return [];
  return [
    {
      source: plainRef(source),
      from: isoInstant(from),
      to: endOf(to),
      ...{ amount, rolled_over: rolledOver, used, held },
    },
  ];
}

/** Returns the end of a period; null if it has none, or none with a year of four digits. */
function endOf(instant: number): string | null {
  return instant > lastInstant ? null : isoInstant(instant);
}
