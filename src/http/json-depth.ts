/**
 * Maximum nesting depth of a body. Validation, hashing and Postgres process JSON recursively, so a few
 * kilobytes of brackets could overflow their stacks. Real bodies have only a few levels.
 */
export const maxJsonDepth = 64;

/**
 * Returns whether a JSON string nests deeper than `maxJsonDepth`, without recursion. The string need not be
 * valid JSON.
 */
export function isTooDeep(text: string): boolean {
  // Each level takes a character.
  if (text.length <= maxJsonDepth) return false;
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
