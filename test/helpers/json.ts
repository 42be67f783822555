/** Returns the JSON value at a path of keys and indices; undefined if there is none. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined,
    value,
  );
}

/**
 * Returns the string at a path, such as the id in a response; throws with the whole value if there is none.
 */
export function text(value: unknown, ...path: (string | number)[]): string {
  const found = at(value, ...path);
  if (typeof found === 'string') return found;
  throw new Error(`no string at ${path.join('.')} in ${JSON.stringify(value)}`);
}

/** Returns the entries of the object at a path; none if there is no object. */
export function entriesAt(value: unknown, ...path: (string | number)[]): [string, unknown][] {
  const found = at(value, ...path);
  return typeof found === 'object' && found !== null ? Object.entries(found) : [];
}

/** Returns a problem without the fields that always differ, to compare responses. */
export function withoutRequestId(body: unknown): Record<string, unknown> {
  return { ...Object.fromEntries(entriesAt(body)), request_id: undefined };
}
