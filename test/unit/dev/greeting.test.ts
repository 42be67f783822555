import { describe, expect, it } from 'vitest';
import { greeting } from '../../../src/dev/greeting.ts';

const running = {
  serviceUrl: 'http://localhost:3001',
  appUrl: 'http://localhost:4000',
  sandboxUrl: 'http://127.0.0.1:12111',
  databaseUrl: 'postgresql://latchkey@localhost/latchkey',
  redisUrl: null,
  adminKey: 'dev_admin_x',
  projectKey: 'lk_x',
  stripeKey: 'sk_test_x',
  webhookSecret: 'whsec_x',
  metricsToken: 'metrics',
  priceIds: {
    ...{ starter: 'price_1', pro: 'price_2', team: 'price_3', exportPass: 'price_4' },
    creditPack: 'price_5',
  },
  home: '/home/ada/my latchkey',
  envFile: '/home/ada/my latchkey/env',
  portsInUse: [],
};

const plain = (_style: string, text: string): string => text;

describe('the greeting of npm run dev', () => {
  it('says that another program has a port, and only then', () => {
    expect(greeting(running, plain)).not.toContain('Another program');
    expect(greeting({ ...running, portsInUse: [3_000] }, plain)).toContain(
      'Another program uses port 3000',
    );
  });

  it('prints the webhook secret', () => {
    expect(greeting(running, plain)).toMatch(/^ {2}Webhook secret +whsec_x$/m);
  });

  it('quotes what a shell would take for two words', () => {
    expect(greeting(running, plain)).toContain("  . '/home/ada/my latchkey/env'\n");
  });
});
