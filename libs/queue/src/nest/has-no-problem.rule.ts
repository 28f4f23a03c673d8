import { registerDecorator, type ValidationArguments } from 'class-validator';

/** A rule whose sentence depends on what is wrong: `problemWith` answers undefined where nothing is. It may throw. */
export function HasNoProblem(problemWith: (value: unknown) => string | undefined): PropertyDecorator {
  const problem = (value: unknown): string | undefined => {
    try {
      return problemWith(value);
    } catch {
      return 'must be an object of the documented shape';
    }
  };
  return (target, property) =>
    registerDecorator({
      name: 'hasNoProblem',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: (value) => problem(value) === undefined,
        defaultMessage: (about?: ValidationArguments) => problem(about?.value) ?? '',
      },
    });
}
