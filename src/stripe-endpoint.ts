/*
 * The program behind `npm run stripe:endpoint -- URL`. It creates or updates the webhook endpoint in Stripe,
 * with exactly the event types that this release handles.
 */
import './platform/node-version.ts';
import { readFileSync } from 'node:fs';
import { loadSecret } from './config.ts';
import { stripeKeyFault } from './environment.ts';
import { openStripe } from './platform/stripe.ts';
import { putEndpoint, webhookPath } from './webhook/endpoint.ts';

const usage = `Usage: npm run stripe:endpoint -- https://YOUR-HOST/api/v1/webhooks/stripe
       docker compose run --rm --no-deps latchkey stripe:endpoint https://YOUR-HOST/api/v1/webhooks/stripe
STRIPE_SECRET_KEY in the environment determines the account and mode.
`;

const url = process.argv[2];
const secretKey = loadSecret(process.env, 'STRIPE_SECRET_KEY', (file) =>
  readFileSync(file, 'utf8'),
);
if (url === undefined || !URL.canParse(url) || secretKey === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}
if (!new URL(url).pathname.endsWith(webhookPath)) {
  const base = url.replace(/\/*$/, '');
  process.stderr.write(`The path must end in ${webhookPath}, such as ${base}${webhookPath}\n`);
  process.exit(2);
}
const given = process.env['STRIPE_API_BASE'];
const apiBase = given === '' ? undefined : given;
const fault = apiBase === undefined ? undefined : stripeKeyFault(secretKey, apiBase);
if (fault !== undefined) {
  process.stderr.write(`STRIPE_API_BASE: ${fault}\n`);
  process.exit(2);
}
const stripe = openStripe({ secretKey, apiBase });
try {
  const { id, types, secret } = await putEndpoint(stripe, url);
  process.stdout.write(
    secret === null
      ? `Updated ${id}: it receives the ${types} event types of this release. Its signing secret has not changed.\n`
      : `Created ${id}: it receives the ${types} event types of this release. Its signing secret, shown only this once:\n\nSTRIPE_WEBHOOK_SECRETS=${secret}\n`,
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
