import {
  BadRequestException,
  Injectable,
  NotFoundException,
  type PipeTransform,
} from '@nestjs/common';

/** The largest id the database can hold: beyond it a number is well-formed, and nobody's. */
const MAX_ID = 2 ** 31 - 1;

/** The global ValidationPipe has made a number of the text already, NaN where it is none. */
@Injectable()
export class ParseIdPipe implements PipeTransform<number, number> {
  transform(id: number): number {
    if (!Number.isInteger(id)) throw new BadRequestException('An id is a whole number.');
    if (Math.abs(id) > MAX_ID) throw new NotFoundException();
    return id;
  }
}
