import type { UserUpdate } from '../entitlements/refresh/update-user.ts';
import type { Access } from './schemas.ts';

/** Returns the response to an operator's change, including its effect on access to one feature. */
export function withAccess<T extends object>(
  { result, revision, had, has }: UserUpdate<T>,
  featureCode: string,
): T & Access & { revision: number } {
  const access = { had_access: had.has(featureCode), has_access: has.has(featureCode) };
  return { ...result, revision, ...access };
}
