import type { TestService } from './service.ts';

/** Returns how many alarms of a kind were raised so far. */
export async function countAlarms({ deps }: TestService, kind: string): Promise<number> {
  const { values } = await deps.metrics.alarms.get();
  return values.find(({ labels }) => labels.kind === kind)?.value ?? 0;
}
