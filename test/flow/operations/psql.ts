/* As much of `psql URL -At -c STATEMENT` as the runbook uses, for machines without it. */
import pg from 'pg';

const [url, , , statement] = process.argv.slice(2);
const client = new pg.Client({ connectionString: url });
await client.connect();
try {
  const { command, rowCount, rows } = await client.query<unknown[]>({
    text: statement ?? '',
    rowMode: 'array',
  });
  const lines = rows.map((row) => row.map(String).join('|'));
  process.stdout.write(
    `${(command === 'SELECT' ? lines : [`${command} ${rowCount}`]).join('\n')}\n`,
  );
} finally {
  await client.end();
}
