/** JSON for people: whatever fits into `width` characters stays on one line. */
export function jsonText(value: unknown, width: number): string {
  return write(value, width, '');
}

function write(value: unknown, width: number, indent: string): string {
  const short = onOneLine(value);
  if (typeof value !== 'object' || value === null || short.length <= width - indent.length) {
    return short;
  }
  const deeper = `${indent}  `;
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  const parts = Array.isArray(value)
    ? value.map((item: unknown) => write(item, width, deeper))
    : Object.entries(value).map(
        ([key, item]) => `${JSON.stringify(key)}: ${write(item, width - key.length - 4, deeper)}`,
      );
  return `${open}\n${parts.map((part) => `${deeper}${part}`).join(',\n')}\n${indent}${close}`;
}

function onOneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const parts = Object.entries(value).map(
    ([key, item]) => `${JSON.stringify(key)}: ${onOneLine(item)}`,
  );
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}
