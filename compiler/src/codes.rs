//! The stable codes of this crate, each with a page for `kitc explain`.

use kit_lang::{Code, CodeInfo};

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal;)*) => {
        $(#[doc = $title] pub(crate) const $name: Code = Code($code);)*

        /// The codes of the compiler, in order: names (KIT2xxx), types (KIT3xxx), what is known when
        /// (KIT4xxx), rules of clusters (KIT5xxx), warnings (KIT6xxx).
        pub const CODES: &[CodeInfo] = &[
            $(CodeInfo {
                code: Code($code),
                title: $title,
                page: include_str!(concat!("../codes/", $code, ".md")),
            },)*
        ];
    };
}

codes! {
    UNDEFINED = "KIT2001", "A name that nothing declares";
    DECLARED_TWICE = "KIT2002", "One name declared twice";
    UNKNOWN_MODULE = "KIT2003", "A module that does not exist";
    CYCLE = "KIT2004", "A definition that depends on itself";
    NOT_IN_MODULE = "KIT2005", "A name that its module does not offer";
    SHADOWED = "KIT2006", "A name that hides another";
    UNSUPPORTED = "KIT2007", "Something that this version of kitc does not support";
    STDLIB_ONLY = "KIT2008", "A declaration that belongs to the standard library";
    CLUSTER_COUNT = "KIT2009", "No cluster, or more than one";
    WRONG_PLACE = "KIT2010", "A type, module or function where a value is wanted, or the reverse";
    FUNCTION_SCOPE = "KIT2011", "A function that looks beyond its arguments";
    MODULE_CYCLE = "KIT2012", "Modules that use each other in a circle";
    IN_MODULE = "KIT2013", "A declaration that a module cannot have";
    MODULE_NAME = "KIT2014", "A module whose file name is no name";
    COMPONENT_SCOPE = "KIT2015", "A component that looks beyond its parameters";
    TEST_NAME = "KIT2016", "A test without a name of its own";

    MISMATCH = "KIT3001", "A value of the wrong type";
    UNKNOWN_FIELD = "KIT3002", "A field that does not exist";
    MISSING_FIELD = "KIT3003", "A field that is missing";
    FIELD_TWICE = "KIT3004", "A field or key given twice";
    BAD_OPERANDS = "KIT3005", "An operator between values that it does not join";
    UNKNOWN_METHOD = "KIT3006", "A method that the type does not have";
    BAD_ARGUMENTS = "KIT3007", "Arguments that do not fit";
    NOT_ALLOWED = "KIT3008", "A value outside the allowed ones";
    LIVE_OF_DESCRIPTION = "KIT3009", "A live field of a mere description";
    DESCRIPTION_OR_THING = "KIT3010", "A description where a declared resource is wanted, or the reverse";
    MAY_BE_NONE = "KIT3011", "A value that may be none where one is wanted";
    MATCH_ARMS = "KIT3012", "A match that leaves values out, or an arm that is never reached";
    ARITHMETIC = "KIT3013", "A computation without a result";
    REFINEMENT = "KIT3014", "A value outside what its type allows";
    LIVE_GIVEN = "KIT3015", "A live field that is given a value";
    NO_ENTRY = "KIT3016", "An index or key that is not there";
    TOO_MUCH = "KIT3017", "An expansion beyond its limit";
    SCRIPT_VALUE = "KIT3025", "A value that cannot be a variable of a script";
    SCRIPT_NAME = "KIT3026", "A name that cannot be a variable of a script";
    SCRIPT_TEXT = "KIT3027", "A script that is none of a shell";

    PARAM_MISSING = "KIT4001", "A parameter that was not given";
    PARAM_TYPE = "KIT4002", "A parameter of the wrong type";
    PARAM_REFINED = "KIT4003", "A parameter outside what it allows";
    PARAM_UNKNOWN = "KIT4004", "A parameter that the file does not declare";
    UNKNOWN_METADATA = "KIT4005", "A metadata path that does not exist";
    NEEDED_EARLIER = "KIT4006", "A value needed earlier than it is known";
    OPAQUE_USED = "KIT4007", "A computation with a value known only at run time";
    METADATA_TYPE = "KIT4008", "An answer of metadata of the wrong type";
    TOO_MANY_ROUNDS = "KIT4009", "Lookups that go on asking";
    INPUT_UNREADABLE = "KIT4010", "A file of parameters or metadata that cannot be read";
    SECRET_USED = "KIT4011", "A computation with a secret";
    SECRET_SHOWN = "KIT4012", "A secret where anyone can read it";
    SECRET_TYPE = "KIT4013", "A secret of more than one value";
    SECRET_IN_SNAPSHOT = "KIT4014", "A secret that stands in a snapshot";
    METADATA_SHAPE = "KIT4015", "A declaration that its source of metadata cannot answer";
    SNAPSHOT_LACKS = "KIT4016", "A lookup that the snapshot has no answer to";
    VALUE_IN_FILE = "KIT4017", "A value where declarations stand";
    IN_PARAMS_FILE = "KIT4018", "A declaration in a file of parameters";
    SECRET_EXPOSED = "KIT4019", "A secret in a file that others can read";
    NO_SECRET = "KIT4020", "A secret for a parameter that is none";

    MEMBER_TWICE = "KIT5001", "One member ID used twice";
    IP_TWICE = "KIT5002", "One IP used twice";
    VOLUME_TWICE = "KIT5003", "One volume paired twice";
    REQUIRE_FAILED = "KIT5004", "A requirement that does not hold";
    NEGATIVE_COUNT = "KIT5005", "A count below zero";
    POPULATION = "KIT5006", "A group without members or count, or with both";
    PINNED_COUNT = "KIT5007", "Machines without a name that are to own an IP or a volume";
    FOREIGN_PROVIDER = "KIT5008", "A thing of another provider than the cluster's";
    BAD_NAME = "KIT5009", "A name that cannot be the name of a thing";
    BAD_LEADER = "KIT5010", "A leader that is no group";
    NO_SUCH_ERROR = "KIT5011", "An expected error that did not come";

    UNUSED = "KIT6001", "A name that nothing uses";
    UNUSED_MODULE = "KIT6002", "A module of which nothing is used";
    UNUSED_VARIABLE = "KIT6003", "A variable that nothing reads";
    FIXED_CONDITION = "KIT6004", "A condition that is always the same";
    NO_REASON = "KIT6010", "A warning allowed without a reason";
    NO_SUCH_WARNING = "KIT6011", "A warning allowed that does not exist";
    ALLOWS_NOTHING = "KIT6012", "A warning allowed that does not come";
    SECRET_IN_FLAG = "KIT6020", "A secret in the text of a flag";
    VARIABLE_UNUSED = "KIT6021", "A variable that is nearly the name of a parameter";
}
