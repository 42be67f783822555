/**
 * Formats JSON compactly. A value that fits into `width` characters stays on one line; otherwise as many
 * members as fit share a line.
 */
export function jsonText(value: unknown, width: number): string {
  return write(value, width, 0);
}

/**
 * Formats a value.
 *
 * @param before the number of characters before the value on its first line.
 */
function write(value: unknown, width: number, before: number): string {
  const short = onOneLine(value);
  if (typeof value !== 'object' || value === null || before + short.length <= width) return short;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const inside = width - indent.length - 1;
  const parts = Array.isArray(value)
    ? value.map((item: unknown) => write(item, inside, 0))
    : Object.entries(value).map(([key, item]) => {
        const name = `${JSON.stringify(key)}: `;
        return name + write(item, inside, name.length);
      });
  const lines = packed(parts, inside).join('\n').replaceAll('\n', `\n${indent}`);
  return `${open}\n${indent}${lines}\n${close}`;
}

const indent = '  ';

/** Joins the parts with commas. Parts of a single line share lines where they fit. */
function packed(parts: string[], width: number): string[] {
  const lines: string[] = [];
  let open = false;
  parts.forEach((part, i) => {
    const text = i === parts.length - 1 ? part : `${part},`;
    const last = lines.at(-1);
    const single = !part.includes('\n');
    if (open && single && last !== undefined && last.length + 1 + text.length <= width) {
      lines[lines.length - 1] = `${last} ${text}`;
    } else {
      lines.push(text);
    }
    open = single;
  });
  return lines;
}

function onOneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const parts = Object.entries(value).map(
    ([key, item]) => `${JSON.stringify(key)}: ${onOneLine(item)}`,
  );
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}
