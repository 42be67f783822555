import type { DeniedReason } from './answer.ts';

/**
 * Returns why each denied feature of a project is denied, by code.
 *
 * @param codes the project's features.
 * @param wanted limits the result to these features; undefined for no limit.
 * @param reasonOf returns the reason in the answer; undefined if the feature never had a source.
 */
export function deniedFeatures(
  codes: Iterable<string>,
  wanted: readonly string[] | undefined,
  reasonOf: (code: string) => DeniedReason | 'granted' | undefined,
): Record<string, DeniedReason | 'no_source'> {
  const denied: [string, DeniedReason | 'no_source'][] = [];
  for (const code of codes) {
    if (wanted !== undefined && !wanted.includes(code)) continue;
    const reason = reasonOf(code) ?? 'no_source';
    if (reason !== 'granted') denied.push([code, reason]);
  }
  return Object.fromEntries(denied);
}
