import type { Type } from '@nestjs/common';

/** What a payload must look like: a class with class-validator rules, or a schema of any library that speaks Standard Schema. */
export type PayloadType = Type | StandardSchema;

/** Version 1 of the Standard Schema contract, as far as it is used here. */
export interface StandardSchema {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult | Promise<StandardResult>;
  };
}

export type StandardResult =
  { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Some schemas are functions. */
export function isStandardSchema(type: unknown): type is StandardSchema {
  const isHolder = (typeof type === 'object' && type !== null) || typeof type === 'function';
  return isHolder && typeof (type as Partial<StandardSchema>)['~standard']?.validate === 'function';
}
