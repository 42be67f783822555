import type { SubscriptionSchedule } from '../state/tables.ts';
import type { World } from '../state/world.ts';

export function scheduleDue(
  _world: World,
  _schedule: SubscriptionSchedule,
): { at: number; run: () => void }[] {
  return [];
}
