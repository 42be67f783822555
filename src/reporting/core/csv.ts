import { inMajorUnits } from './currency.ts';

/*
 * Reports as tables (RFC 4180): a line per figure, so that a new feature, price or currency is a new line
 * and never a new column.
 */

/** What a line says; an amount stands in minor units and as people write it. */
export interface FigureLine {
  figure: string;
  of?: string;
  currency?: string;
  value: number;
}

/**
 * @param leading the columns that tell which report it is, and for each report what stands in them.
 */
export function toCsv(
  leading: readonly string[],
  reports: readonly { cells: readonly string[]; figures: readonly FigureLine[] }[],
): string {
  const lines = [
    [...leading, 'figure', 'of', 'currency', 'value', 'amount'],
    ...reports.flatMap(({ cells, figures }) =>
      figures.map(({ figure, of = '', currency = '', value }) => [
        ...cells,
        figure,
        of,
        currency,
        String(value),
        currency === '' ? '' : inMajorUnits(BigInt(value), currency),
      ]),
    ),
  ];
  return lines.map((cells) => `${cells.map(quoted).join(',')}\r\n`).join('');
}

/** A text that a spreadsheet would take for a formula gets an apostrophe; a number is none. */
function quoted(cell: string): string {
  const safe = /^[=+@\t\r-]/.test(cell) && !/^-\d+(\.\d+)?$/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
