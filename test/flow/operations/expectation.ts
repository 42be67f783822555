/** Returns how the output differs from the runbook's; null if it does not. */
export function mismatch(
  expected: { language: string; text: string },
  printed: string,
): string | null {
  if (expected.language === 'json') {
    let answer: unknown;
    try {
      answer = JSON.parse(printed);
    } catch {
      return `not JSON: ${printed}`;
    }
    return holds(JSON.parse(expected.text), answer) ? null : printed;
  }
  const lines = printed.split(/\r?\n/);
  const missing = expected.text
    .split('\n')
    .filter((wanted) => !lines.some((line) => isAlike(wanted, line)));
  return missing.length === 0 ? null : `${missing.join('\n')}\nis not in\n${printed}`;
}

/** Whether all that is shown is in the answer: fields of objects, entries of lists; `[]` is an empty one. */
function holds(shown: unknown, answer: unknown): boolean {
  if (typeof shown === 'string') return typeof answer === 'string' && isAlike(shown, answer);
  if (Array.isArray(shown)) {
    if (!Array.isArray(answer)) return false;
    return shown.length === 0
      ? answer.length === 0
      : shown.every((entry) => answer.some((given) => holds(entry, given)));
  }
  if (typeof shown === 'object' && shown !== null) {
    return (
      typeof answer === 'object' &&
      answer !== null &&
      Object.entries(shown).every(([name, value]) => holds(value, Reflect.get(answer, name)))
    );
  }
  return shown === answer;
}

/** The same text, `…` standing for any. */
function isAlike(shown: string, text: string): boolean {
  const pattern = shown
    .split('…')
    .map((piece) => piece.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`, 's').test(text);
}
