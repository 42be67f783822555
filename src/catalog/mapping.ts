import type { FeatureValue } from '../entitlements/core/facts.ts';
import { featureType, type GivenValue, valueFault } from '../entitlements/feature-value.ts';
import type { FieldFault } from '../http/faults.ts';
import { featureNotFound } from '../http/not-found.ts';
import { ProblemError } from '../http/problem.ts';
import type { Tx } from '../platform/database.ts';

/** Returns the stored mapping of a product or price, from feature code to value, ordered by code. */
export function valuesOf(
  rows: { featureCode: string; value: unknown }[],
): Record<string, FeatureValue> {
  return Object.fromEntries(
    rows
      .map(({ featureCode, value }) => [featureCode, value as FeatureValue] as const) // a JSON column
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

/**
 * Checks that the mapping of a product or price contains only known features with values of their types. An
 * archived feature may stay in the mapping, but cannot be added.
 *
 * @param before the current mapping.
 * @throws ProblemError feature_not_found, bad_request; with paths such as `features.export`
 */
export async function checkMapping(
  tx: Tx,
  projectId: string,
  given: Record<string, GivenValue>,
  before: Record<string, FeatureValue>,
): Promise<void> {
  const features = await tx.feature.findMany({
    where: { projectId, code: { in: Object.keys(given) } },
  });
  const byCode = new Map(features.map((feature) => [feature.code, feature]));
  const unknown: { path: string; isArchived: boolean }[] = [];
  const faults: FieldFault[] = [];
  for (const [code, value] of Object.entries(given)) {
    const feature = byCode.get(code);
    if (feature === undefined || (feature.archivedAt !== null && !Object.hasOwn(before, code))) {
      unknown.push({ path: `features.${code}`, isArchived: feature !== undefined });
      continue;
    }
    const message = valueFault(featureType(feature.type), value);
    if (message !== null) faults.push({ path: `features.${code}`, message });
  }
  if (unknown.length > 0) throw featureNotFound(...unknown);
  if (faults.length > 0) throw new ProblemError('bad_request', undefined, faults);
}
