import { demoProducts, projectId } from './demo-catalog.ts';
import { quoted } from './env-file.ts';
import type { Paint } from './narrator.ts';
import type { PriceIds } from './seed.ts';

export interface Running {
  /** The URL of the quickstart app (docs/quickstart.md). */
  appUrl: string;
  serviceUrl: string;
  sandboxUrl: string;
  databaseUrl: string;
  redisUrl: string | null;
  adminKey: string;
  projectKey: string;
  stripeKey: string;
  webhookSecret: string;
  metricsToken: string;
  priceIds: PriceIds;
  /** The data folder. */
  home: string;
  /** The shell file with the variables that the commands in README.md and docs/ use. */
  envFile: string;
  /** The default ports that other programs use, for which the next free ones were chosen. */
  portsInUse: number[];
}

/** Returns the text that `npm run dev` prints after startup: URLs, keys and first commands. */
export function greeting(running: Running, paint: Paint): string {
  const { serviceUrl, sandboxUrl, projectKey, adminKey, priceIds } = running;
  const rows: [string, string][] = [
    [
      'Your app',
      `${running.appUrl}   (sells plans, gates a route, opens the portal: docs/quickstart.md)`,
    ],
    ['Latchkey', `${serviceUrl}/docs   (the API reference; try any route)`],
    ['Stripe', `${sandboxUrl}   (the sandbox: customers, subscriptions, events, time; no money)`],
    ['PostgreSQL', running.databaseUrl],
    ['Redis', running.redisUrl ?? 'none: no redis-server on the PATH, so reads go to Postgres.'],
    ['Data', `${running.home}   (npm run dev -- --fresh starts with empty data)`],
  ];
  const keys: [string, string][] = [
    [`Project \`${projectId}\``, projectKey],
    ['Platform', adminKey],
    ['Stripe', running.stripeKey],
    ['Webhook secret', running.webhookSecret],
    ['Metrics', running.metricsToken],
  ];
  const catalog = demoProducts.map(([name, product]): [string, string] => [
    product.name,
    `${product.id}   ${priceIds[name]}`,
  ]);
  const curl = 'curl -H "Authorization: Bearer $KEY"';
  const checkout = JSON.stringify({
    user_id: 'u_1',
    price_id: priceIds.pro,
    success_url: `${serviceUrl}/docs`,
    cancel_url: `${serviceUrl}/docs`,
  });
  const grant = JSON.stringify({
    user_id: 'u_1',
    feature_code: 'notebooks',
    value: 500,
    reason: 'trying it out',
  });
  const title = (text: string) => paint('bold', text);
  return [
    '',
    title('Latchkey is running. Ctrl-C stops everything.'),
    '',
    ...running.portsInUse.map(
      (port) => `  ${paint('bold', `Another program uses port ${port}. Use the URLs below.`)}`,
    ),
    ...table(rows, paint),
    '',
    title('Keys'),
    ...table(keys, paint),
    '',
    title(`What project \`${projectId}\` sells`),
    ...table(catalog, paint),
    '',
    title('In another terminal, for the commands of README.md and docs/'),
    `  export LATCHKEY=${serviceUrl} ADMIN_API_KEY=${quoted(adminKey)}`,
    '',
    `  ${paint('dim', '# Sets these and all other variables. `npm run doctor` then checks this installation.')}`,
    `  . ${quoted(running.envFile)}`,
    '',
    title('Try'),
    `  KEY=${projectKey}`,
    '',
    `  ${paint('dim', '# What may the user u_1 use? Nothing yet.')}`,
    `  ${curl} "${serviceUrl}/api/v1/entitlements?user_id=u_1"`,
    '',
    `  ${paint('dim', '# Sell the Pro plan: open the `url` from the response, and pay there.')}`,
    `  ${curl} ${serviceUrl}/api/v1/checkout/sessions --json '${checkout}'`,
    '',
    `  ${paint('dim', '# Or grant a feature.')}`,
    `  ${curl} ${serviceUrl}/api/v1/admin/grant --json '${grant}'`,
    '',
    `  ${paint('dim', '# The metrics for Prometheus.')}`,
    `  curl -H "Authorization: Bearer ${running.metricsToken}" ${serviceUrl}/metrics`,
    '',
  ].join('\n');
}

function table(rows: [string, string][], paint: Paint): string[] {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, value]) => `  ${paint('dim', name.padEnd(width))}${value}`);
}
