/** What stands in a JSON value at a path of keys and indices; undefined where there is nothing. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined,
    value,
  );
}

/** The string at a path, such as the id in an answer; throws with the whole value where there is none. */
export function text(value: unknown, ...path: (string | number)[]): string {
  const found = at(value, ...path);
  if (typeof found === 'string') return found;
  throw new Error(`no string at ${path.join('.')} in ${JSON.stringify(value)}`);
}

/** The entries of the object at a path; none where there is no object. */
export function entriesAt(value: unknown, ...path: (string | number)[]): [string, unknown][] {
  const found = at(value, ...path);
  return typeof found === 'object' && found !== null ? Object.entries(found) : [];
}

/** A problem without what differs between any two, to compare answers. */
export function withoutRequestId(body: unknown): Record<string, unknown> {
  return { ...Object.fromEntries(entriesAt(body)), request_id: undefined };
}
