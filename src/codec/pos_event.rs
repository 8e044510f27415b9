//! The fields of a POS event in both formats.
//!
//! Never judges a value: what is missing or no value stays as that, for a check to answer. Written as JSON, what is no value
//! is written as it was, so that a reader sees the same fault.

use super::avro::Unwritable;
use super::avro::compile::mismatch;
use super::avro::datum::DatumReader;
use super::avro::leaves::{Absent, DecimalLeaf, Leaf, SymbolLeaf, TextLeaf, TimeLeaf, items};
use super::avro::plan::{RecordPlan, Slot};
use super::avro::schema::{Type, TypeUse, WriterSchema};
use super::avro::write::size;
use super::fault::{FieldFault, Read};
use super::json::leaves::{JsonLeaf, read_object};
use super::json::reader::JsonReader;
use super::json::write::Writer;
use super::json::write_record;
use super::record::{FieldSpec, Presence, RecordFields, SeenMembers, fields, write_field};
use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use crate::domain::limits::ITEMS_MAX;
use crate::domain::pos_event::{PosEvent, PosItem};

/// A total, with the decimals of our schema.
type Total = DecimalLeaf<4>;
/// A quantity or a price.
type Price = DecimalLeaf<6>;

fields! {
    /// A field of an event.
    PosEventFields of PosEvent, "PosEvent" {
        account_number: TextLeaf = "accountNumber" Required;
        event_type: SymbolLeaf<EventType> = "eventType" Required;
        category_type: SymbolLeaf<CategoryType> = "categoryType" Optional;
        time: TimeLeaf = "time" Required;
        nfc_id: TextLeaf = "nfcId" Optional;
        pos_id: TextLeaf = "posId" Optional;
        pos_name: TextLeaf = "posName" Optional;
        total_tax: Total = "totalTax" Optional;
        total_amount: Total = "totalAmount" Optional;
        items: ItemsLeaf = "items" Defaulted;
        currency: SymbolLeaf<Currency> = "currency" Required;
        account_transaction_id: TextLeaf = "accountTransactionId" Optional;
        corrects_transaction_id: TextLeaf = "correctsTransactionId" Optional;
        country_code: SymbolLeaf<CountryCode> = "countryCode" Required;
        conversation_language: SymbolLeaf<Language> = "conversationLanguage" Required;
    }
}

fields! {
    /// A field of a line.
    PosItemFields of PosItem, "PosItem" {
        item_id: TextLeaf = "itemId" Required;
        item_description: TextLeaf = "itemDescription" Required;
        unit_code: TextLeaf = "unitCode" Required;
        quantity: Price = "quantity" Required;
        unit_price: Price = "unitPrice" Required;
        net_amount: Price = "netAmount" Optional;
        tax_amount: Price = "taxAmount" Optional;
        discount: Total = "discount" Optional;
        gross_amount: Total = "grossAmount" Optional;
    }
}

/// The basket.
#[derive(Debug)]
pub struct ItemsLeaf(Slot<ItemLeaf>);

/// A line, filled where it stands in the list.
#[derive(Debug)]
struct ItemLeaf(RecordPlan<PosItemFields>);

impl Absent for PosItem<'_> {
    fn is_absent(&self) -> bool {
        false
    }
}

impl Absent for Vec<PosItem<'_>> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Leaf for ItemLeaf {
    type Target<'a> = PosItem<'a>;

    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        RecordPlan::compile(schema, writer).map(Self)
    }

    #[inline]
    fn read<'a>(&self, input: &mut DatumReader<'a, '_>, target: &mut PosItem<'a>) -> Read<()> {
        self.0.read_into(input, target)
    }

    fn write(value: &PosItem<'_>, _: &'static str, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        PosItemFields::write(value, out)
    }
}

impl Leaf for ItemsLeaf {
    type Target<'a> = Vec<PosItem<'a>>;

    fn compile(schema: &WriterSchema, writer: &TypeUse) -> Read<Self> {
        match schema.kind(writer) {
            Type::Array(items) => Slot::compile_item(schema, items).map(Self),
            _ => Err(mismatch("an array", schema, writer)),
        }
    }

    fn read<'a>(&self, input: &mut DatumReader<'a, '_>, target: &mut Vec<PosItem<'a>>) -> Read<()> {
        // A line has three texts at least: room is made only for lines that can be there.
        const LINE_BYTES_MIN: usize = 3;
        items(input, ITEMS_MAX, |input, index, still| {
            if target.len() == target.capacity() {
                target.reserve(still.min(input.left() / LINE_BYTES_MIN + 1));
            }
            let line = target.push_mut(PosItem::default());
            self.0.read(input, line).map_err(|fault| fault.in_item(index))
        })
    }

    fn write(value: &Vec<PosItem<'_>>, field: &'static str, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        if !value.is_empty() {
            size(value.len(), out);
            value.iter().try_for_each(|item| ItemLeaf::write(item, field, out))?;
        }
        size(0, out);
        Ok(())
    }
}

impl JsonLeaf for ItemsLeaf {
    fn read_json<'a>(reader: &mut JsonReader<'a>) -> Read<Vec<PosItem<'a>>> {
        let mut items = Vec::new();
        if reader.null()? {
            return Ok(items);
        }
        reader.array(|reader, index| {
            if index == ITEMS_MAX {
                return Err(FieldFault::unreadable(format!("more than {ITEMS_MAX} items")));
            }
            let item = items.push_mut(PosItem::default());
            read_object::<PosItemFields>(reader, item).map_err(|fault| fault.in_item(index))
        })?;
        Ok(items)
    }

    fn write_json(value: &Vec<PosItem<'_>>, name: &str, object: &mut Writer<'_>) {
        object.list(name, value, write_record::<PosItemFields>);
    }
}
