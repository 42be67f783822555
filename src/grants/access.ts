import type { UserUpdate } from '../entitlements/refresh/update-user.ts';

/** Whether the user may use a feature right before and right after a change. */
export interface Access {
  had_access: boolean;
  has_access: boolean;
}

/** Returns the result of an operator's change, with its effect on access to one feature. */
export function withAccess<T extends object>(
  { result, revision, had, has }: UserUpdate<T>,
  featureCode: string,
): T & Access & { revision: number } {
  return {
    ...result,
    revision,
    had_access: had.has(featureCode),
    has_access: has.has(featureCode),
  };
}
