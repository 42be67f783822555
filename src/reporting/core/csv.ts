import { inMajorUnits } from './currency.ts';

/*
 * Reports as tables (RFC 4180): one line per figure, so that a new feature, price or currency adds a line and
 * never a column.
 */

/** The content of a line. An amount appears both in minor units and in the usual notation. */
export interface FigureLine {
  figure: string;
  of?: string;
  currency?: string;
  value: number;
}

/**
 * Renders reports as CSV.
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

/** Prefixes text that a spreadsheet would read as a formula with an apostrophe. Numbers stay unchanged. */
function quoted(cell: string): string {
  const safe = /^[=+@\t\r-]/.test(cell) && !/^-\d+(\.\d+)?$/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
