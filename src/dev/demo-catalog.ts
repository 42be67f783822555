/** The catalog of the seeded project: three plans, a pass and a credit pack, with features of all four types. */

export const projectId = 'demo';

export const features = {
  export: { name: 'Export as PDF', type: 'boolean' },
  notebooks: { name: 'Notebooks', type: 'limit' },
  seats: { name: 'Seats', type: 'limit', per_quantity: true },
  theme: { name: 'Theme', type: 'config' },
  credits: { name: 'Credits', type: 'metered', unit: 'credits' },
} as const;

interface DemoProduct {
  /** The custom product id in Stripe, by which later starts find the product. */
  id: string;
  name: string;
  /** The price in US cents. */
  unitAmount: number;
  /** Paid monthly, or once: for this many days of access, or for good. */
  paid: 'monthly' | 'once' | { accessDays: number };
  rank: number;
  features: Partial<Record<keyof typeof features, unknown>>;
}

export const products = {
  starter: {
    id: 'prod_demo_starter',
    name: 'Starter',
    unitAmount: 300,
    paid: 'monthly',
    rank: 1,
    features: { notebooks: 10, credits: { amount: 5, every: 'month' } },
  },
  pro: {
    id: 'prod_demo_pro',
    name: 'Pro',
    unitAmount: 1_200,
    paid: 'monthly',
    rank: 2,
    features: { export: true, notebooks: 100, theme: { palette: 'midnight', custom_css: false } },
  },
  team: {
    id: 'prod_demo_team',
    name: 'Team',
    unitAmount: 3_000,
    paid: 'monthly',
    rank: 3,
    features: {
      export: true,
      notebooks: 'unlimited',
      seats: 1,
      theme: { palette: 'any', custom_css: true },
    },
  },
  exportPass: {
    id: 'prod_demo_export_pass',
    name: 'Export pass, 30 days',
    unitAmount: 900,
    paid: { accessDays: 30 },
    rank: 0,
    features: { export: true },
  },
  creditPack: {
    id: 'prod_demo_credit_pack',
    name: 'Credit pack',
    unitAmount: 400,
    paid: 'once',
    rank: 0,
    features: { credits: { amount: 20 } },
  },
} satisfies Record<string, DemoProduct>;

export type ProductName = keyof typeof products;

export const productNames = Object.keys(products) as ProductName[]; // Object.keys returns string[]

/** The products and their names, in catalog order. */
export const demoProducts = Object.entries(products) as [ProductName, DemoProduct][]; // as above
