/**
 * Returns rows as text in columns. Numbers are aligned right, words left.
 *
 * @param words the indexes of the columns with words.
 */
export function textTable(
  rows: readonly (readonly string[])[],
  words: ReadonlySet<number> = new Set([0]),
): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return words.has(column) ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
