import { inMajorUnits } from './currency.ts';

/*
 * Renders reports as tables (RFC 4180) with one line per figure, so that a new feature, price or currency
 * adds a line rather than a column.
 */

/** A line of the table, with the amount in minor units. */
export interface FigureLine {
  figure: string;
  of?: string;
  currency?: string;
  value: number;
}

/**
 * Renders reports as CSV. Each amount appears both in minor units and in the usual notation.
 *
 * @param leading the columns that identify the report, with their values for each report.
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

/** Quotes a cell. A cell that a spreadsheet would read as a formula gets an apostrophe as a prefix. */
function quoted(cell: string): string {
  const safe = /^[=+@\t\r-]/.test(cell) && !/^-\d+(\.\d+)?$/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
