import { union, without, type Interval } from './intervals.ts';
import { isGrant, type FeatureSource } from './merge.ts';
import type { SetAside } from './purchase-queue.ts';
import type { RevocationWindow } from './windows.ts';

/**
 * Returns when a feature's revocations set earlier purchases aside in their queue: while the revocations are
 * in force and no grant outweighs them. A blocking revocation changes no queue because it also revokes later
 * purchases.
 *
 * @param sources the sources of the feature, of which only grants matter.
 */
export function setAsideBy(
  revocations: readonly RevocationWindow[],
  sources: readonly FeatureSource[],
): SetAside[] {
  const plain = revocations.filter(({ block, from, to }) => !block && from < to);
  if (plain.length === 0) return [];
  const grants = sources.filter(isGrant).toSorted((a, b) => b.grantNumber - a.grantNumber);
  let next = 0;
  let outweighed: Interval[] = [];
  return plain
    .toSorted((a, b) => b.number - a.number)
    .map(({ number, recordedAt, from, to }) => {
      for (let grant = grants[next]; grant && grant.grantNumber > number; grant = grants[next]) {
        const granted = grant.lifecycle.filter(({ standing }) => standing === 'granted');
        outweighed = union(outweighed, granted);
        next += 1;
      }
      return { recordedAt, over: without([{ from, to }], outweighed) };
    });
}
