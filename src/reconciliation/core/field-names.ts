/**
 * Returns the fields of a finding under their API names: `items.si_1.currentPeriodEnd` becomes
 * `items.si_1.current_period_end`. Every second segment of a path is an object id and stays as it is.
 */
export function toApiFields<Value>(fields: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(fields).map(([path, value]) => [
      path
        .split('.')
        .map((part, at) => (at % 2 === 0 ? snakeCase(part) : part))
        .join('.'),
      value,
    ]),
  );
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
