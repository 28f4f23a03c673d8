/** What a child process is told. */
export interface ChildOrder {
  /** The database of the shop, and that of the broker. */
  readonly shop: string;
  readonly broker: string;
  /** Numbers of the orders it takes. */
  readonly orders: { readonly from: number; readonly to: number };
  readonly relay: boolean;
}

export const SUBSCRIPTION = { name: 'packing', topics: ['orders'] };
const KEYS = 7;

export const keyOf = (order: number): string => `customer-${order % KEYS}`;
