/** Returns the values of the rows, grouped by project id. */
export function groupByProject<Row extends { project_id: string }, T>(
  rows: readonly Row[],
  toValue: (row: Row) => T,
): Map<string, T[]> {
  const groups = Map.groupBy(rows, (row) => row.project_id);
  return new Map([...groups].map(([projectId, ofProject]) => [projectId, ofProject.map(toValue)]));
}
