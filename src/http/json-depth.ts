/**
 * How deep a body may nest. Validation, hashing and Postgres walk JSON recursively, so that a few
 * kilobytes of brackets would overflow their stacks; real bodies have a handful of levels.
 */
export const maxJsonDepth = 64;

/** Returns whether JSON text nests deeper than `maxJsonDepth`. Needs no valid JSON, and no recursion. */
export function isTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at += 1;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '[' || char === '{') {
      depth += 1;
      if (depth > maxJsonDepth) return true;
    } else if (char === ']' || char === '}') depth -= 1;
  }
  return false;
}
