import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, ArrayUnique, IsArray } from 'class-validator';
import { BIG_INT_ID, IsBigIntId } from './big-int-id.js';

/** The member of a DTO is a list of ids: at least one, each once. */
export function BigIntIdList(most: number): PropertyDecorator {
  return applyDecorators(
    ApiProperty({
      type: 'array',
      items: BIG_INT_ID,
      minItems: 1,
      maxItems: most,
      uniqueItems: true,
      example: ['42', '43'],
    }),
    IsArray(),
    ArrayMinSize(1),
    ArrayMaxSize(most),
    ArrayUnique(),
    IsBigIntId({ each: true }),
  );
}
