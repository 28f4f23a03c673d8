import {
  Catch,
  createParamDecorator,
  Injectable,
  Logger,
  Module,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import {
  DiscoveryService,
  ExternalContextCreator,
  ApplicationConfig,
  ModuleRef,
  ModulesContainer,
} from '@nestjs/core';
import { Ctx as NestCtx, Payload as NestPayload } from '@nestjs/microservices';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  concat,
  EMPTY,
  from,
  lastValueFrom,
  map,
  of,
  retry,
  tap,
  throwError,
  timer,
  toArray,
  catchError,
} from 'rxjs';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Ctx, Event, Payload, PARAM_TYPE } from '../decorators/param.decorators.js';
import type { MessageContext } from '../interceptors/message-context.js';
import { isQueueContext } from './execution-context.js';
import type { Chain } from './handler.chain.js';
import { HandlerCompiler } from './handler.compiler.js';

/** What happened during one call, in order. */
const log: string[] = [];
const note = (line: string): void => void log.push(line);

class Boom extends Error {}
const BOOM = new Boom('boom');
const boom = (): never => {
  throw BOOM;
};

const guard = (name: string, answer: (context: ExecutionContext) => unknown): CanActivate => ({
  canActivate(context) {
    note(`guard ${name}`);
    return answer(context) as boolean;
  },
});

const pipe = (name: string, change: (value: unknown) => unknown): PipeTransform => ({
  transform(value: unknown, { type, metatype, data }) {
    note(`pipe ${name} ${type} ${metatype?.name} ${data}`);
    return change(value);
  },
});

const around = (name: string, intercept: NestInterceptor['intercept']): NestInterceptor => ({
  intercept(context, next) {
    note(`interceptor ${name}`);
    return intercept(context, next);
  },
});

const filter = (
  name: string,
  answer: (error: unknown) => unknown,
  ...types: Type<Error>[]
): ExceptionFilter => {
  @Catch(...types)
  class NamedFilter implements ExceptionFilter {
    catch(error: unknown): unknown {
      note(`filter ${name}`);
      return answer(error);
    }
  }
  return new NamedFilter();
};

const Topic = createParamDecorator((data: string, context: ExecutionContext) => {
  note(`factory ${context.getType()} ${context.getClass().name} ${context.getHandler().name}`);
  return `${data}:${context.switchToRpc().getContext<MessageContext>().topic}`;
});
const SlowTopic = createParamDecorator(async (_data: unknown, context: ExecutionContext) => {
  await Promise.resolve();
  return context.switchToRpc().getContext<MessageContext>().topic;
});

const plus = (text: string) => (value: unknown) => `${String(value)}${text}`;
const store = new AsyncLocalStorage<string>();
let runs = 0;

@Injectable()
class Dependency {
  readonly text = 'injected';
}

@Injectable()
class InjectedGuard implements CanActivate {
  constructor(private readonly dependency: Dependency) {}
  canActivate(): boolean {
    note(`guard ${this.dependency.text}`);
    return true;
  }
}

@Injectable()
class InjectedPipe implements PipeTransform {
  constructor(private readonly dependency: Dependency) {}
  transform(value: unknown): unknown {
    return `${String(value)} ${this.dependency.text}`;
  }
}

/** Handlers to compare: each is one row of the table. */
abstract class Row {
  abstract handle(...args: unknown[]): unknown;
}

const rows: Type<Row>[] = [];
function row<T extends Type<Row>>(type: T): T {
  rows.push(type);
  return (Injectable()(type) as unknown as T) ?? type;
}

class Plain extends Row {
  handle(...args: unknown[]): unknown {
    note(`handle ${args.length} ${String(args[0])} ${(args[1] as MessageContext).topic}`);
    return args[0];
  }
}
class AsyncPlain extends Row {
  async handle(...args: unknown[]): Promise<unknown> {
    await Promise.resolve();
    return args[0];
  }
}
class Throws extends Row {
  handle(): unknown {
    return boom();
  }
}
class Rejects extends Row {
  async handle(): Promise<unknown> {
    await Promise.resolve();
    return boom();
  }
}
class ReturnsObservable extends Row {
  handle(): unknown {
    return from([1, 2, 3]).pipe(tap((value) => note(`emitted ${value}`)));
  }
}
class ResolvesToObservable extends Row {
  async handle(): Promise<unknown> {
    return of('late').pipe(tap(() => note('subscribed')));
  }
}
class ReturnsEmpty extends Row {
  handle(): unknown {
    return EMPTY;
  }
}
class ReturnsFailingObservable extends Row {
  handle(): unknown {
    return throwError(() => BOOM);
  }
}
class ReturnsNothing extends Row {
  handle(): unknown {
    return undefined;
  }
}

class AllParams extends Row {
  handle(@Ctx() context: MessageContext, @Payload() data: string, @Event() event: unknown): unknown {
    note(`${context.topic} ${data} ${JSON.stringify(event)}`);
    return data;
  }
}
class NestParams extends Row {
  handle(@NestPayload() data: string, @NestCtx() context: MessageContext): unknown {
    return `${data} ${context.topic}`;
  }
}
class NestProperty extends Row {
  handle(@NestPayload('length', pipe('own', plus('!'))) length: number): unknown {
    return length;
  }
}
class Property extends Row {
  handle(@Payload('length', pipe('own', plus('!'))) length: number): unknown {
    return length;
  }
}
class CustomParams extends Row {
  handle(
    @Topic('a') topic: string,
    @SlowTopic(pipe('slow', plus('?'))) slow: string,
    @Payload() data: string,
  ): unknown {
    return [topic, slow, data];
  }
}
class GapInParams extends Row {
  handle(first: unknown, @Payload() data: string, ...rest: unknown[]): unknown {
    return [typeof first, data, rest.length];
  }
}
class Inherited extends AllParams {}

@UsePipes(pipe('class', plus(' c')))
class Pipes extends Row {
  @UsePipes(pipe('method', plus(' m')), pipe('async', async (value) => `${String(value)} a`))
  handle(@Payload(pipe('param', plus(' p'))) data: string): unknown {
    note('handle');
    return data;
  }
}
class PipeThrows extends Row {
  @UsePipes(pipe('thrower', boom))
  handle(@Payload() data: string): unknown {
    note('handle');
    return data;
  }
}
class TwoPipesFail extends Row {
  handle(
    @Payload(pipe('rejects', () => Promise.reject(BOOM))) data: string,
    @Ctx(pipe('throws', boom)) context: unknown,
  ): unknown {
    return [data, context];
  }
}
class InjectedEnhancers extends Row {
  @UseGuards(InjectedGuard)
  @UsePipes(InjectedPipe)
  handle(@Payload() data: string): unknown {
    return data;
  }
}

@UseGuards(guard('class', () => true))
class Guards extends Row {
  @UseGuards(
    guard('method', () => Promise.resolve(true)),
    guard('stream', () => of(false, true)),
    guard('last', () => true),
  )
  handle(@Payload() data: string): unknown {
    return data;
  }
}
class GuardRefuses extends Row {
  @UseGuards(guard('no', () => false), guard('never asked', () => true))
  handle(): unknown {
    note('handle');
    return undefined;
  }
}
class GuardRefusesLater extends Row {
  @UseGuards(guard('later', async () => false), guard('never asked', () => true))
  handle(): unknown {
    return undefined;
  }
}
class GuardStreamRefuses extends Row {
  @UseGuards(guard('stream', () => of(true, false)))
  handle(): unknown {
    return undefined;
  }
}
class GuardEmptyStream extends Row {
  @UseGuards(guard('empty', () => EMPTY))
  handle(): unknown {
    return undefined;
  }
}
class GuardThrows extends Row {
  @UseGuards(guard('thrower', boom))
  handle(): unknown {
    return undefined;
  }
}
class GuardRejects extends Row {
  @UseGuards(guard('rejects', () => Promise.reject(BOOM)))
  handle(): unknown {
    return undefined;
  }
}
class GuardLooks extends Row {
  @UseGuards(
    guard('looks', (context) => {
      const rpc = context.switchToRpc();
      note(
        `${context.getType()} ${context.getClass().name} ${context.getHandler().name} ${context.getArgs().length}`,
      );
      note(`${String(rpc.getData())} ${rpc.getContext<MessageContext>().topic} ${isQueueContext(context)}`);
      return true;
    }),
  )
  handle(): unknown {
    return 'seen';
  }
}

const passes = (name: string): NestInterceptor =>
  around(name, (_context, next) => {
    note(`before ${name}`);
    return next.handle().pipe(
      tap({
        next: (value) => note(`after ${name} ${JSON.stringify(value)}`),
        complete: () => note(`complete ${name}`),
      }),
    );
  });

@UseInterceptors(passes('class'))
class Interceptors extends Row {
  @UseInterceptors(passes('first'), passes('second'))
  handle(@Payload() data: string): unknown {
    note('handle');
    return data;
  }
}
class InterceptorReplaces extends Row {
  @UseInterceptors(
    around('replaces', (_context, next) => next.handle().pipe(map((value) => `new ${String(value)}`))),
  )
  async handle(@Payload() data: string): Promise<unknown> {
    return data;
  }
}
class InterceptorSkips extends Row {
  @UseInterceptors(around('skips', () => of('cached')))
  handle(): unknown {
    note('handle');
    return undefined;
  }
}
class InterceptorAsync extends Row {
  @UseInterceptors(around('async', async (_context, next) => (await Promise.resolve(), next.handle())))
  handle(): unknown {
    return 'value';
  }
}
class InterceptorAwaits extends Row {
  @UseInterceptors(
    around('awaits', async (_context, next) => of(`${String(await lastValueFrom(next.handle()))}!`)),
    passes('inner'),
  )
  handle(): unknown {
    return 'value';
  }
}
class InterceptorEmpty extends Row {
  @UseInterceptors(around('empty', () => EMPTY))
  handle(): unknown {
    return undefined;
  }
}
class InterceptorThrows extends Row {
  @UseInterceptors(around('throws', boom))
  handle(): unknown {
    return undefined;
  }
}
class InterceptorRejects extends Row {
  @UseInterceptors(passes('outer'), around('rejects', () => Promise.reject(BOOM)))
  handle(): unknown {
    return undefined;
  }
}
class InterceptorReturnsNoStream extends Row {
  @UseInterceptors(around('wrong', () => 42 as never))
  handle(): unknown {
    return undefined;
  }
}
class InterceptorCatches extends Row {
  @UseInterceptors(
    around('catches', (_context, next) =>
      next.handle().pipe(catchError((error: Error) => of(`caught ${error.message}`))),
    ),
  )
  async handle(): Promise<unknown> {
    return boom();
  }
}
class InterceptorSeesError extends Row {
  @UseInterceptors(
    around('sees', (_context, next) =>
      next.handle().pipe(tap({ error: (error: Error) => note(error.message) })),
    ),
  )
  handle(): unknown {
    return boom();
  }
}
class InterceptorRetries extends Row {
  @UseInterceptors(around('retries', (_context, next) => next.handle().pipe(retry(2))), passes('inner'))
  handle(): unknown {
    note('handle');
    if (++runs < 3) boom();
    return runs;
  }
}
class InterceptorMany extends Row {
  @UseInterceptors(around('many', (_context, next) => concat(of('first'), next.handle())))
  handle(): unknown {
    return from(['a', 'b']);
  }
}
class InterceptorCollects extends Row {
  @UseInterceptors(around('collects', (_context, next) => next.handle().pipe(toArray())))
  handle(): unknown {
    return from(['a', 'b']);
  }
}
class InterceptorOnArray extends Row {
  @UseInterceptors(passes('outer'))
  handle(): unknown {
    return ['a', 'b'];
  }
}
class InterceptorGivesUp extends Row {
  @UseInterceptors(
    around('gives up', (_context, next) => {
      const subscription = next.handle().subscribe(() => note('too late'));
      subscription.unsubscribe();
      return timer(1).pipe(map(() => 'gone on'));
    }),
  )
  async handle(): Promise<unknown> {
    note('handle');
    return undefined;
  }
}
class InterceptorStore extends Row {
  @UseInterceptors(
    around('store', (_context, next) => store.run('outer', () => next.handle())),
    around('inner', (_context, next) => {
      note(`inner sees ${store.getStore()}`);
      return next.handle();
    }),
  )
  async handle(): Promise<unknown> {
    return store.getStore();
  }
}
class InterceptorAndPipe extends Row {
  @UseGuards(guard('g', () => true))
  @UseInterceptors(passes('i'))
  @UsePipes(pipe('p', plus('+')))
  handle(@Payload() data: string): unknown {
    note('handle');
    return data;
  }
}

@UseFilters(filter('class', () => 'from the class'))
class FilterSwallows extends Row {
  @UseFilters(filter('other', () => 'other', TypeError), filter('method', () => 'from the method', Boom))
  handle(): unknown {
    return boom();
  }
}
class FilterAsyncSwallows extends Row {
  @UseFilters(filter('async', async () => 'later'))
  async handle(): Promise<unknown> {
    return boom();
  }
}
class FilterNull extends Row {
  @UseFilters(filter('null', () => null))
  handle(): unknown {
    return boom();
  }
}
class FilterLooks extends Row {
  @UseFilters(filter('looks', () => undefined))
  handle(): unknown {
    return boom();
  }
}
class FilterRethrows extends Row {
  @UseFilters(
    filter('rethrows', (error) => {
      throw error;
    }),
  )
  handle(): unknown {
    return boom();
  }
}
class FilterReplaces extends Row {
  @UseFilters(filter('replaces', () => Promise.reject(new TypeError('other'))))
  handle(): unknown {
    return boom();
  }
}
class FilterDoesNotMatch extends Row {
  @UseFilters(filter('type errors', () => 'never', TypeError))
  handle(): unknown {
    return boom();
  }
}
class FilterOfGuard extends Row {
  @UseGuards(guard('no', () => false))
  @UseFilters(filter('of guard', (error) => (error as Error).message))
  handle(): unknown {
    return undefined;
  }
}
class FilterOfPipe extends Row {
  @UsePipes(pipe('thrower', boom))
  @UseFilters(filter('of pipe', () => 'caught'))
  handle(@Payload() data: string): unknown {
    return data;
  }
}
class FilterOfInterceptor extends Row {
  @UseInterceptors(around('throws', boom))
  @UseFilters(filter('of interceptor', () => 'caught'))
  handle(): unknown {
    return undefined;
  }
}
class FilterUnused extends Row {
  @UseFilters(filter('unused', () => 'never'))
  handle(): unknown {
    return 'fine';
  }
}

for (const type of [
  Plain,
  AsyncPlain,
  Throws,
  Rejects,
  ReturnsObservable,
  ResolvesToObservable,
  ReturnsEmpty,
  ReturnsFailingObservable,
  ReturnsNothing,
  AllParams,
  NestParams,
  NestProperty,
  Property,
  CustomParams,
  GapInParams,
  Inherited,
  Pipes,
  PipeThrows,
  TwoPipesFail,
  InjectedEnhancers,
  Guards,
  GuardRefuses,
  GuardRefusesLater,
  GuardStreamRefuses,
  GuardEmptyStream,
  GuardThrows,
  GuardRejects,
  GuardLooks,
  Interceptors,
  InterceptorReplaces,
  InterceptorSkips,
  InterceptorAsync,
  InterceptorAwaits,
  InterceptorEmpty,
  InterceptorThrows,
  InterceptorRejects,
  InterceptorReturnsNoStream,
  InterceptorCatches,
  InterceptorSeesError,
  InterceptorRetries,
  InterceptorMany,
  InterceptorCollects,
  InterceptorOnArray,
  InterceptorGivesUp,
  InterceptorStore,
  InterceptorAndPipe,
  FilterSwallows,
  FilterAsyncSwallows,
  FilterNull,
  FilterLooks,
  FilterRethrows,
  FilterReplaces,
  FilterDoesNotMatch,
  FilterOfGuard,
  FilterOfPipe,
  FilterOfInterceptor,
  FilterUnused,
])
  row(type);

@Module({ providers: [Dependency, ...rows] })
class RowsModule {}

const message = {
  topic: 't',
  data: 'payload',
  event: { event_id: 'e', data: 'payload' },
} as unknown as MessageContext;

const nestParams = {
  exchangeKeyForValue(type: number, property: string | undefined, args: unknown[]): unknown {
    const [data, context] = args as [Record<string, unknown>, MessageContext];
    if (type === PARAM_TYPE.payload) return property ? data[property] : data;
    return type === PARAM_TYPE.event ? context.event : context;
  },
};

/** What a caller can see of a call. */
async function observe(call: () => unknown): Promise<unknown> {
  log.length = 0;
  runs = 0;
  try {
    const value = await call();
    return { value, log: [...log] };
  } catch (error) {
    const { constructor, message: text } = error as Error;
    return { error: constructor.name, text, same: error === BOOM, log: [...log] };
  }
}

describe('a compiled chain', () => {
  let module: TestingModule;
  let compile: (type: Type<Row>) => Chain;
  let asNest: (type: Type<Row>) => Chain;

  beforeAll(async () => {
    module = await Test.createTestingModule({
      imports: [RowsModule],
      providers: [DiscoveryService],
    }).compile();
    Logger.overrideLogger(false); // Nest's own context logs the errors it passes on
    const compiler = new HandlerCompiler(module.get(ModuleRef));
    const wrappers = module.get(DiscoveryService).getProviders();
    compile = (type) => {
      const wrapper = wrappers.find(({ metatype }) => metatype === type);
      if (wrapper?.host === undefined) throw new TypeError(`${type.name} is not provided`);
      return compiler.compile({ wrapper, module: wrapper.host, method: 'handle', enhancers: 'local' });
    };
    const creator = ExternalContextCreator.fromContainer({
      getModules: () => module.get(ModulesContainer),
      applicationConfig: new ApplicationConfig(),
    } as never);
    asNest = (type) => {
      const instance = module.get(type);
      const all = { guards: true, interceptors: true, filters: true };
      const call = creator.create(
        instance,
        Reflect.get(instance, 'handle'),
        'handle',
        '__routeArguments__',
        nestParams as never,
        undefined,
        undefined,
        all,
        'queue',
      );
      return (context) => call(context.data, context);
    };
  });

  afterAll(() => module.close());

  it.each(rows.map((type) => [type.name, type] as const))('does what Nest does: %s', async (_name, type) => {
    const expected = await observe(() => asNest(type)(message));
    const got = await observe(() => compile(type)(message));
    expect(got).toEqual(expected);
    expect(expected).toBeDefined();
  });

  it('says what the table says', async () => {
    expect(await observe(() => compile(GuardRefuses)(message))).toEqual({
      error: 'ForbiddenException',
      text: 'Forbidden resource',
      same: false,
      log: ['guard no'],
    });
    expect(await observe(() => compile(InterceptorAndPipe)(message))).toMatchObject({
      value: 'payload+',
      log: [
        'guard g',
        'interceptor i',
        'before i',
        'pipe p body String undefined',
        'handle',
        'after i "payload+"',
        'complete i',
      ],
    });
    expect(await observe(() => compile(InterceptorStore)(message))).toMatchObject({ value: 'outer' });
    expect(await observe(() => compile(FilterLooks)(message))).toMatchObject({
      same: true,
      log: ['filter looks'],
    });
  });

  it('answers without a promise when nothing in it is asynchronous', () => {
    expect(compile(Plain)(message)).toBe('payload');
    expect(compile(AllParams)(message)).toBe('payload');
    expect(() => compile(GuardThrows)(message)).toThrow(BOOM);
  });
});
