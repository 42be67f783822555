import { readFileSync } from 'node:fs';
import path from 'node:path';

const document = readFileSync(
  path.resolve(import.meta.dirname, '../../../docs/reports.md'),
  'utf8',
);

/** The rows of the table in docs/reports.md whose first column has this head: their cells. */
export function exampleTable(head: string): string[][] {
  const lines = document.split('\n');
  const start = lines.findIndex((line) => cellsOf(line)[0] === head);
  if (start === -1) throw new Error(`docs/reports.md has no table of "${head}"`);
  const after = lines.slice(start + 2);
  return after
    .slice(
      0,
      after.findIndex((line) => !line.startsWith('|')),
    )
    .map(cellsOf);
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}
